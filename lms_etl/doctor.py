"""`lms-etl doctor`: looks at settings, both databases and Dagster's storage, and says what to do about each finding."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa
from rich.console import Console
from rich.markup import escape

from lms_etl.databases import DatabaseProblem
from lms_etl.days import last_complete_day, local_date
from lms_etl.settings import Settings
from lms_etl.sources.moodle import Moodle
from lms_etl.warehouse import tables
from lms_etl.warehouse.schema import version
from lms_etl.warehouse.warehouse import SchemaError, Warehouse

State = Literal["good", "doubtful", "wrong"]
MARKS = {"good": "[green]✓[/]", "doubtful": "[yellow]![/]", "wrong": "[bold red]✗[/]"}
READ_TABLES = (
    "logstore_standard_log",
    "course",
    "course_categories",
    "context",
    "role",
    "role_assignments",
    "user",
    "enrol",
    "user_enrolments",
)
"""Moodle's tables that the statements of sql/moodle read."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at, how it is, and what to do unless it is good."""

    subject: str
    state: State
    text: str


def examine(settings: Settings) -> list[Finding]:
    """Everything that is looked at; a database that cannot be reached ends its own part only."""
    findings: list[Finding] = []
    for part in (_settings, _moodle, _warehouse, _dagster, _alerts):
        findings += _guarded(part, settings)
    return findings


def show(out: Console, findings: list[Finding]) -> None:
    """Prints the findings, one line each."""
    for finding in findings:
        out.print(
            f"{MARKS[finding.state]} [bold]{finding.subject}[/]: {escape(finding.text)}",
            soft_wrap=True,
            highlight=False,
        )
    wrong = sum(finding.state == "wrong" for finding in findings)
    out.print(
        "\nEverything that is needed is in place." if not wrong else f"\n{wrong} to mend before a run can succeed."
    )


def _guarded(part: Callable[[Settings], Iterator[Finding]], settings: Settings) -> Iterator[Finding]:
    try:
        yield from part(settings)
    except DatabaseProblem as problem:
        yield Finding(part.__name__.strip("_").capitalize(), "wrong", str(problem))


def _settings(settings: Settings) -> Iterator[Finding]:
    kind = (
        "the demo's synthetic site (MOODLE_DATABASE_URL is not set)" if settings.reads_demo_site else "a named Moodle"
    )
    yield Finding("Settings", "good", f"home {settings.home}, source is {kind}")
    now = datetime.now(tz=UTC).astimezone(settings.zone)
    state: State = "doubtful" if settings.timezone == "UTC" and not settings.reads_demo_site else "good"
    advice = ". Is that the site's? Days are cut there: set LMS_ETL_TIMEZONE" if state == "doubtful" else ""
    yield Finding("Time zone", state, f"{settings.timezone}, where it is {now:%Y-%m-%d %H:%M} now{advice}")
    newest = last_complete_day(settings.zone)
    if settings.start_date > newest:
        yield Finding(
            "First day", "wrong", f"{settings.start_date} is not over yet: set LMS_ETL_START_DATE to {newest} or before"
        )
    else:
        yield Finding(
            "First day", "good", f"{settings.start_date}, {(newest - settings.start_date).days + 1} days up to {newest}"
        )


def _moodle(settings: Settings) -> Iterator[Finding]:
    moodle = Moodle(settings)
    with moodle.reading() as connection:
        yield Finding("Moodle", "good", f"{moodle.url.render_as_string(hide_password=True)}, {_version(connection)}")
        yield _utc(connection, "Moodle session")
        yield from _readable(connection, settings)
        yield _write_right(connection, settings)
        yield _log_index(connection, settings)
    with moodle.reading() as connection:
        yield _log_reach(connection, settings)


def _readable(connection: sa.Connection, settings: Settings) -> Iterator[Finding]:
    prefix = settings.moodle_table_prefix
    for name in READ_TABLES:
        with Moodle(settings).reading() as fresh:
            fresh.execute(
                sa.text(f"select 1 from {connection.dialect.identifier_preparer.quote(prefix + name)} where 1 = 0")
            )
    yield Finding("Moodle tables", "good", f"all {len(READ_TABLES)} can be read (prefix {prefix})")


def _write_right(connection: sa.Connection, settings: Settings) -> Finding:
    """A reader that may write is no danger here, sessions are read only, but it is more than is needed."""
    dialect, table = connection.dialect.name, f"{settings.moodle_table_prefix}logstore_standard_log"
    if dialect == "sqlite":
        return Finding("Moodle rights", "good", "the file is opened read only")
    if dialect == "postgresql":
        writes = connection.execute(
            sa.text("select has_table_privilege(:table, 'insert') or has_table_privilege(:table, 'delete')"),
            {"table": table},
        ).scalar()
    else:
        grants = " ".join(row[0] for row in connection.execute(sa.text("show grants")))
        writes = any(word in grants.upper() for word in ("ALL PRIVILEGES", "INSERT", "UPDATE", "DELETE"))
    if writes:
        return Finding(
            "Moodle rights", "doubtful", "this user may write; a user with SELECT alone is enough (see README)"
        )
    return Finding("Moodle rights", "good", "SELECT only")


def _log_index(connection: sa.Connection, settings: Settings) -> Finding:
    table = f"{settings.moodle_table_prefix}logstore_standard_log"
    leading = {index["column_names"][0] for index in sa.inspect(connection).get_indexes(table) if index["column_names"]}
    if "timecreated" in leading:
        return Finding("Log index", "good", f"{table} has an index on timecreated")
    return Finding(
        "Log index", "wrong", f"{table} has no index on timecreated: every day would read the whole log. Add it"
    )


def _log_reach(connection: sa.Connection, settings: Settings) -> Finding:
    table = connection.dialect.identifier_preparer.quote(f"{settings.moodle_table_prefix}logstore_standard_log")
    first, last = connection.execute(sa.text(f"select min(timecreated), max(timecreated) from {table}")).one()
    if first is None:
        return Finding("Log", "doubtful", "it is empty: every day will have zero views")
    reach = f"from {local_date(first, settings.zone)} to {local_date(last, settings.zone)}"
    if local_date(first, settings.zone) > settings.start_date:
        advice = f"; the first day, {settings.start_date}, lies before it: days without rows load as zero"
        return Finding("Log", "doubtful", reach + advice)
    return Finding("Log", "good", reach)


def _warehouse(settings: Settings) -> Iterator[Finding]:
    warehouse = Warehouse(settings)
    with warehouse.reading() as connection:
        yield Finding(
            "Warehouse", "good", f"{warehouse.url.render_as_string(hide_password=True)}, {_version(connection)}"
        )
        yield _utc(connection, "Warehouse session")
        found = version(connection)
        connection.rollback()
        if found == tables.SCHEMA_VERSION:
            yield Finding("Schema", "good", f"version {found}")
        else:
            yield Finding(
                "Schema",
                "wrong",
                f"version {found or 'none'}, {tables.SCHEMA_VERSION} is needed: run `lms-etl migrate`",
            )
        yield _may_write(connection)
        if connection.dialect.name == "mysql":
            yield _local_infile(connection)


def _may_write(connection: sa.Connection) -> Finding:
    """Tries to make a table and drops it again."""
    probe = sa.Table("lms_etl_doctor", sa.MetaData(), sa.Column("id", sa.Integer))
    probe.create(connection)
    probe.drop(connection)
    connection.commit()
    return Finding("Warehouse rights", "good", "tables can be made and dropped")


def _local_infile(connection: sa.Connection) -> Finding:
    if connection.execute(sa.text("select @@global.local_infile")).scalar():
        return Finding("Fast load", "good", "LOAD DATA LOCAL is allowed")
    return Finding("Fast load", "doubtful", "local_infile is off at the server: loads use INSERT, about 4 times slower")


def _dagster(settings: Settings) -> Iterator[Finding]:
    from lms_etl.instance import dagster_home

    home = dagster_home(settings)
    if (home / "dagster.yaml").exists():
        yield Finding("Dagster", "good", f"instance in {home}")
    else:
        yield Finding("Dagster", "wrong", f"DAGSTER_HOME={home} has no dagster.yaml: copy the project's there")


def _alerts(settings: Settings) -> Iterator[Finding]:
    from lms_etl.alerts.channels import parse
    from lms_etl.alerts.commands import recent

    channels = [channel.name for channel in parse(settings.alert_urls)]
    if channels:
        yield Finding("Alerts", "good", f"told to {', '.join(channels)}; try them with `lms-etl alerts test`")
    else:
        yield Finding("Alerts", "doubtful", "ALERT_URLS is not set: alerts are recorded, nobody is told")
    with suppress(SchemaError):  # the warehouse's own findings say so already
        for channel, state, number, _ in recent(settings, 1, still_open=True)[1]:
            if state == "given_up":
                advice = "see `lms-etl alerts list` for the reason"
                yield Finding("Alerts", "doubtful", f"{number} messages to {channel} were given up: {advice}")


def _utc(connection: sa.Connection, subject: str) -> Finding:
    question = {"postgresql": "show timezone", "mysql": "select @@session.time_zone"}.get(connection.dialect.name)
    zone = connection.execute(sa.text(question)).scalar() if question else "UTC"
    state: State = "good" if zone in ("UTC", "+00:00") else "wrong"
    return Finding(subject, state, f"in {zone}" if state == "good" else f"in {zone}, it must be UTC")


def _version(connection: sa.Connection) -> str:
    question = "select sqlite_version()" if connection.dialect.name == "sqlite" else "select version()"
    name = {"sqlite": "SQLite ", "mysql": "MySQL/MariaDB "}.get(connection.dialect.name, "")
    return name + str(connection.execute(sa.text(question)).scalar()).split(" on ")[0]
