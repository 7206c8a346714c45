"""The server's own way to rows that no sync has loaded yet."""

from lms_etl.api.serve import live_source
from lms_etl.progress import companies
from lms_etl.progress.report import COLUMNS
from lms_etl.sources import moodle_progress
from lms_etl_tests.progress.conftest import Progress


def test_the_server_reads_live_what_a_sync_would_load(small: Progress) -> None:
    algebra, botany = small.site.course("ALG"), small.site.course("BOT")
    for name in ("ana", "ben"):
        person = small.site.user(name)
        small.site.enrol(person, algebra)
        small.site.enrol(person, botany)
    companies.refresh(small.warehouse, moodle_progress.companies(small.moodle))
    live = list(live_source(small.moodle.settings, small.warehouse)(1))
    assert len(live) == 4
    small.sync(1, "full")
    assert live == [{name: row[name] for name in COLUMNS} for row in small.stored(1)]
