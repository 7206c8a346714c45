"""`python -m lms_etl.demo`: builds a demo site from the command line."""

import argparse
from datetime import date

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lms_etl.demo import SiteShape, build_site


def main() -> None:
    """Reads the options, builds the site and shows how far it is."""
    options = _parser().parse_args()
    shape = SiteShape(
        log_rows=options.rows,
        courses=options.courses,
        students=options.students or 20 * options.courses,
        first_day=options.first_day,
        last_day=options.last_day,
        timezone=options.timezone,
        seed=options.seed,
        prefix=options.prefix,
    )
    columns = (TextColumn("log rows"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("log rows", total=shape.log_rows)
        build_site(options.url, shape, lambda written, total: bar.update(task, completed=written, total=total))


def _parser() -> argparse.ArgumentParser:
    default = SiteShape()
    parser = argparse.ArgumentParser(prog="python -m lms_etl.demo", description="Builds a synthetic Moodle site.")
    parser.add_argument("--url", required=True, help="SQLAlchemy URL, such as sqlite:///moodle.db; tables are replaced")
    parser.add_argument("--rows", type=int, default=default.log_rows, help="log rows (%(default)s)")
    parser.add_argument("--courses", type=int, default=default.courses, help="courses (%(default)s)")
    parser.add_argument("--students", type=int, help="students (20 a course)")
    parser.add_argument("--first-day", type=date.fromisoformat, default=default.first_day, help="%(default)s")
    parser.add_argument("--last-day", type=date.fromisoformat, default=default.last_day, help="inclusive, %(default)s")
    parser.add_argument("--timezone", default=default.timezone, help="IANA zone of the site (%(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="%(default)s")
    parser.add_argument("--prefix", default=default.prefix, help="of the table names (%(default)s)")
    return parser


if __name__ == "__main__":
    main()
