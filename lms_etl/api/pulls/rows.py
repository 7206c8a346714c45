"""The rows of a pull: the statement that reads a page of them, and how a row looks in an answer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from lms_etl.api.pulls.rules import Key, Place, Pull
from lms_etl.warehouse.company_settings import FIELDS, CompanySettings
from lms_etl.warehouse.tables import course_progress as progress

_KEY = (progress.c.userid, progress.c.courseid)
_READ = tuple(
    progress.c[name]
    for name in (
        *("userid", "firstname", "lastname", "email", "courseid", "coursename"),
        *("timecompleted", "timestarted", "percentage", "status", "is_deleted"),
    )
)
PERSONAL = ("firstname", "lastname", "email")
"""Empty in a tombstone: it says which row is gone, and nothing more about the person."""


def page(
    connection: sa.Connection, companyid: int, pull: Pull, settings: CompanySettings, at: Place, limit: int
) -> tuple[Sequence[Any], bool]:
    """Rows of a pull from a place on, at most `limit`, and whether more follow."""
    query = sa.select(*_READ).where(*_belongs(companyid, pull, settings)).order_by(*_KEY).limit(limit + 1)
    if at.key:
        query = query.where(_behind(at.key, connection.dialect.name))
    if at.skip:
        query = query.offset(at.skip)
    found = connection.execute(query).all()
    return found[:limit], len(found) > limit


def count(connection: sa.Connection, companyid: int, pull: Pull, settings: CompanySettings) -> int:
    """How many rows a pull has now."""
    query = sa.select(sa.func.count()).select_from(progress).where(*_belongs(companyid, pull, settings))
    return int(connection.execute(query).scalar_one())


def _belongs(companyid: int, pull: Pull, settings: CompanySettings) -> list[sa.ColumnElement[bool]]:
    gone = progress.c.is_deleted == 1
    conditions = [progress.c.companyid == companyid]
    if pull.after:
        conditions.append(progress.c.change_number > pull.after)
    if pull.with_tombstones:
        conditions.append(sa.or_(gone, _counts(settings)))
    else:
        # What is gone since the pull began keeps its place: the rows behind it would else move up past an offset.
        conditions += [sa.or_(progress.c.is_deleted == 0, progress.c.change_number > pull.through), _counts(settings)]
    since = pull.completed_since(settings)
    if since is not None:
        conditions.append(sa.or_(progress.c.timecompleted == 0, progress.c.timecompleted >= since))
    return conditions


def _counts(settings: CompanySettings) -> sa.ColumnElement[bool]:
    """Whether the course of a row counts."""
    if settings.courses is not None:
        return progress.c.courseid.in_(sorted(settings.courses))
    return progress.c.courseid.not_in(sorted(settings.courses_off)) if settings.courses_off else sa.true()


def _behind(key: Key, dialect: str) -> sa.ColumnElement[bool]:
    user, course = _KEY
    if dialect == "mysql":
        # MySQL compares (user, course) > (:u, :c) row by row from the first page on; of this it makes two ranges.
        return sa.or_(sa.and_(user == key.userid, course > key.courseid), user > key.userid)
    return sa.tuple_(user, course) > sa.tuple_(sa.literal(key.userid), sa.literal(key.courseid))


def shown(
    rows: Sequence[Any], settings: CompanySettings, zone: ZoneInfo, tombstones: bool = True
) -> list[dict[str, Any]]:
    """Rows as an answer has them: the fields switched on, times as text of the site's zone and as unix seconds.

    A tombstone has the status `deleted`, no personal data, and `is_deleted` 1, a key that no other row has. Without
    `tombstones` a row that went while its pull was under way looks as it did when the pull began.
    """
    wanted = [name for name in FIELDS if name in settings.fields]
    return [_shown(row, wanted, zone, bool(row.is_deleted) and tombstones) for row in rows]


def _shown(row: Any, wanted: list[str], zone: ZoneInfo, gone: bool) -> dict[str, Any]:
    values = {
        "userid": row.userid,
        "firstname": row.firstname,
        "lastname": row.lastname,
        "email": row.email,
        "courseid": row.courseid,
        "coursename": row.coursename,
        "timecompleted": _text(row.timecompleted, zone),
        "timecompleted_unix": row.timecompleted,
        "timestarted": _text(row.timestarted, zone),
        "timestarted_unix": row.timestarted,
        "percentage": float(row.percentage),
        "status": row.status,
    }
    if gone:
        values |= {"status": "deleted", **dict.fromkeys(PERSONAL, "")}
    told = {name: values[name] for name in wanted}
    return told | {"is_deleted": 1} if gone else told


def _text(seconds: int, zone: ZoneInfo) -> str:
    """`2026-03-22 09:30:00` at the site; empty for 0."""
    return str(datetime.fromtimestamp(seconds, tz=zone))[:19] if seconds else ""
