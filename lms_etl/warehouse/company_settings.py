"""Settings of a company: their names, defaults and ranges, and the one place that reads and writes them.

What is not stored has its default. Each change makes `companies.settings_version` grow in the same transaction, so
whatever was cached under the old version is never found again. The caller commits.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from lms_etl import clock
from lms_etl.warehouse.tables import companies
from lms_etl.warehouse.tables import company_settings as table

FIELDS = (
    "userid",
    "firstname",
    "lastname",
    "email",
    "courseid",
    "coursename",
    "timecompleted",
    "timecompleted_unix",
    "timestarted",
    "timestarted_unix",
    "percentage",
    "status",
)
"""The fields of an answer of the report API, in its order; each has a switch `field_<name>`."""

LARGEST_RATE_LIMIT = 10_000_000


@dataclass(frozen=True)
class Known:
    """A setting that exists: its default (None: it has none of its own), the values it takes, and what it means."""

    default: int | None
    values: range | tuple[int, ...]
    meaning: str

    @property
    def allowed(self) -> str:
        """The values as a person reads them."""
        if isinstance(self.values, range) and len(self.values) > 4:
            return f"{self.values[0]} to {self.values[-1]}"
        return ", ".join(map(str, self.values))


_SWITCH = range(2)
KNOWN: dict[str, Known] = {
    "sync_mode": Known(0, range(4), "0 auto, 1 always incremental, 2 always full, 3 full and nothing is noted"),
    "sync_window_hours": Known(24, range(1, 169), "Hours after which auto gives a full pull again"),
    "first_sync_hours": Known(0, (0, 24, 168, 720, 2160), "Hours back that a first pull reaches; 0: everything"),
    "cache_enabled": Known(1, _SWITCH, "Whether answers are cached"),
    "cache_ttl_minutes": Known(60, range(5, 1441), "Minutes that an answer stays in the cache"),
    "rate_limit": Known(
        None, range(LARGEST_RATE_LIMIT + 1), "Calls a day; 0: unlimited; without it LMS_ETL_API_DAILY_LIMIT counts"
    ),
    "enabled": Known(1, _SWITCH, "Whether the company is synced"),
    "new_courses": Known(0, _SWITCH, "Whether courses without a switch count once any course has one"),
    **{f"field_{name}": Known(1, _SWITCH, f"Whether answers have {name}") for name in FIELDS},
}
_COURSE = re.compile(r"course_([1-9][0-9]{0,17})")
_COURSE_SWITCH = Known(None, _SWITCH, "Whether the course counts")


class CompanyProblem(Exception):
    """A company or its settings cannot be found or changed as asked; one line for the command line."""


@dataclass(frozen=True)
class CompanySettings:
    """The settings of one company, defaults filled in."""

    fields: frozenset[str] = frozenset(FIELDS)
    """Fields that answers have."""
    courses: frozenset[int] | None = None
    """Courses that count; None while no course was ever switched: all but `courses_off`."""
    courses_off: frozenset[int] = frozenset()
    """Courses switched off; matters where `courses` is None because new ones count by themselves."""
    sync_mode: int = 0
    sync_window_hours: int = 24
    first_sync_hours: int = 0
    cache_enabled: bool = True
    cache_ttl_minutes: int = 60
    rate_limit: int | None = None
    """Calls a day, 0 for unlimited; None: the site's limit."""
    enabled: bool = True

    def takes(self, courseid: int) -> bool:
        """Whether a course counts."""
        return courseid not in self.courses_off if self.courses is None else courseid in self.courses


def of_values(stored: Mapping[str, int]) -> CompanySettings:
    """The settings that these stored values mean; names that nobody knows are ignored."""
    switches = {int(found[1]): value for name, value in stored.items() if (found := _COURSE.fullmatch(name))}
    on = frozenset(course for course, value in switches.items() if value)

    def value(name: str) -> int:
        return stored.get(name, KNOWN[name].default or 0)

    return CompanySettings(
        fields=frozenset(name for name in FIELDS if value(f"field_{name}")),
        courses=on if switches and not value("new_courses") else None,
        courses_off=frozenset(switches) - on,
        sync_mode=value("sync_mode"),
        sync_window_hours=value("sync_window_hours"),
        first_sync_hours=value("first_sync_hours"),
        cache_enabled=bool(value("cache_enabled")),
        cache_ttl_minutes=value("cache_ttl_minutes"),
        rate_limit=stored.get("rate_limit"),
        enabled=bool(value("enabled")),
    )


def stored_values(connection: sa.Connection, companyid: int) -> dict[str, int]:
    """What is stored for a company, by name."""
    query = sa.select(table.c.setting_name, table.c.setting_value).where(table.c.companyid == companyid)
    return {row.setting_name: row.setting_value for row in connection.execute(query)}


def settings_of(connection: sa.Connection, companyid: int) -> CompanySettings:
    """The settings of a company; the defaults for one that has none."""
    return of_values(stored_values(connection, companyid))


def settings_of_all(connection: sa.Connection) -> dict[int, CompanySettings]:
    """The settings of every company that exists, in one statement."""
    query = sa.select(companies.c.companyid, table.c.setting_name, table.c.setting_value).join_from(
        companies, table, table.c.companyid == companies.c.companyid, isouter=True
    )
    stored: dict[int, dict[str, int]] = {}
    for companyid, name, value in connection.execute(query):
        own = stored.setdefault(companyid, {})
        if name is not None:
            own[name] = value
    return {companyid: of_values(own) for companyid, own in stored.items()}


def checked(name: str, value: int) -> int:
    """The value, if the setting exists and takes it. Raises CompanyProblem."""
    known = _COURSE_SWITCH if _COURSE.fullmatch(name) else KNOWN.get(name)
    if known is None:
        raise CompanyProblem(f"There is no setting '{name}'; they are {', '.join(KNOWN)} and course_<id>.")
    if value not in known.values:
        raise CompanyProblem(f"{name}={value} cannot be used: it takes {known.allowed}.")
    return value


def set_setting(connection: sa.Connection, companyid: int, name: str, value: int | None) -> bool:
    """Sets one setting, or with None takes it back to its default; returns whether it changed. Raises CompanyProblem.

    The company's row is locked until the caller commits: of two changes at once neither hides the other.
    """
    if value is not None or name not in KNOWN:
        checked(name, value or 0)
    _lock(connection, [companyid])
    return _change(connection, companyid, {name: value}) > 0


def copy_settings(connection: sa.Connection, source: int, target: int) -> int:
    """Makes the settings of `target` those of `source`; returns how many changed. Raises CompanyProblem."""
    _lock(connection, [source, target])
    wanted: dict[str, int | None] = dict(stored_values(connection, source))
    return _change(connection, target, dict.fromkeys(stored_values(connection, target)) | wanted)


def _lock(connection: sa.Connection, ids: Iterable[int]) -> None:
    wanted = sorted(set(ids))
    query = sa.select(companies.c.companyid).where(companies.c.companyid.in_(wanted)).order_by(companies.c.companyid)
    found = set(connection.scalars(query.with_for_update()))
    missing = [number for number in wanted if number not in found]
    if missing:
        raise CompanyProblem(f"There is no company {missing[0]}; `lms-etl company list` lists them.")


def _change(connection: sa.Connection, companyid: int, wanted: Mapping[str, int | None]) -> int:
    stored = stored_values(connection, companyid)
    different = {name: value for name, value in wanted.items() if stored.get(name) != value}
    now = int(clock.now().timestamp())
    for name, value in sorted(different.items()):
        row = sa.and_(table.c.companyid == companyid, table.c.setting_name == name)
        if value is None:
            connection.execute(sa.delete(table).where(row))
        elif name in stored:
            connection.execute(sa.update(table).where(row).values(setting_value=value, timemodified=now))
        else:
            new = {"companyid": companyid, "setting_name": name, "setting_value": value}
            connection.execute(sa.insert(table).values(timecreated=now, timemodified=now, **new))
    if different:
        grown = {"settings_version": companies.c.settings_version + len(different)}
        connection.execute(sa.update(companies).where(companies.c.companyid == companyid).values(grown))
    return len(different)
