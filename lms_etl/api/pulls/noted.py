"""What is noted about a company and one of its tokens: read in one statement, written after each page."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from lms_etl.api.pulls.rules import UNNOTED, Key, Pull, Status
from lms_etl.warehouse.company_settings import CompanySettings, of_values
from lms_etl.warehouse.registry import utc_now
from lms_etl.warehouse.tables import companies, company_settings
from lms_etl.warehouse.tables import sync_status as noted

# Made once: every call executes them.
_COMPANY = (
    sa.select(
        companies,
        company_settings.c.setting_name,
        company_settings.c.setting_value,
        *(column.label(f"noted_{column.name}") for column in noted.c),
    )
    .join_from(companies, company_settings, company_settings.c.companyid == companies.c.companyid, isouter=True)
    .join(
        noted,
        sa.and_(noted.c.companyid == companies.c.companyid, noted.c.token_hash == sa.bindparam("token")),
        isouter=True,
    )
    .where(companies.c.companyid == sa.bindparam("company"))
)
_CHANGE = sa.update(noted).where(
    noted.c.companyid == sa.bindparam("company"), noted.c.token_hash == sa.bindparam("token")
)

# An insertion that fails on MySQL leaves a shared lock, and two calls that hold one wait for each other for ever.
_FIRST = {
    "postgresql": postgresql.insert(noted).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(noted).on_conflict_do_nothing(),
    "mysql": mysql.insert(noted).on_duplicate_key_update(total_syncs=noted.c.total_syncs),
}


@dataclass(frozen=True)
class Company:
    """A company as a call finds it, with what is noted about the token that calls."""

    companyid: int
    shortname: str
    live: bool
    synced_through: int
    change_number: int
    settings_version: int
    settings: CompanySettings
    status: Status

    @property
    def content_mark(self) -> str:
        """The same while fields and courses are switched the same."""
        own = self.settings
        courses = None if own.courses is None else sorted(own.courses)
        text = repr((sorted(own.fields), courses, sorted(own.courses_off)))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @property
    def unnoted(self) -> bool:
        """Whether pulls leave no note: by its setting, or because rows read live have no change numbers."""
        return self.settings.sync_mode == UNNOTED or self.never_synced

    @property
    def never_synced(self) -> bool:
        """Whether no sync ended since it exists, or since it was cleared: then it has no rows."""
        return not self.synced_through


def company(connection: sa.Connection, companyid: int, token_hash: str) -> Company | None:
    """The company of that number; None if there is none."""
    rows = connection.execute(_COMPANY, {"company": companyid, "token": token_hash}).all()
    if not rows:
        return None
    row = rows[0]
    stored = {each.setting_name: each.setting_value for each in rows if each.setting_name is not None}
    return Company(
        companyid,
        row.shortname,
        bool(row.live),
        row.synced_through,
        row.change_number,
        row.settings_version,
        of_values(stored),
        _status(row),
    )


def _status(row: Any) -> Status:
    if row.noted_id is None:
        return Status()
    pull = None
    if row.noted_pull_mode is not None:
        key = Key(row.noted_pull_userid, row.noted_pull_courseid) if row.noted_pull_userid is not None else None
        pull = Pull(
            row.noted_pull_mode,
            row.noted_pull_after,
            row.noted_pull_through,
            int(row.noted_pull_started_at.replace(tzinfo=UTC).timestamp()),
            row.noted_pull_offset,
            key,
            row.noted_pull_ended_at is not None,
        )
    return Status(
        row.noted_change_number,
        row.noted_last_sync_timestamp,
        row.noted_last_sync_status,
        row.noted_total_syncs,
        row.noted_content_mark or "",
        pull,
    )


def note_page(
    connection: sa.Connection, found: Company, token_hash: str, pull: Pull, now: int, begins: bool, moves: bool
) -> None:
    """Notes how far a pull has come; with its last page, and if that `moves` the watermark, what the token now has.

    A pull that is to bring everything is `started` until it ended: given up half way, auto begins it again.
    """
    values: dict[str, Any] = {
        "sync_mode": pull.mode,
        "sync_window_hours": found.settings.sync_window_hours,
        "pull_mode": pull.mode,
        "pull_after": pull.after,
        "pull_through": pull.through,
        "pull_offset": pull.offset,
        "pull_userid": pull.key.userid if pull.key else None,
        "pull_courseid": pull.key.courseid if pull.key else None,
        "pull_started_at": datetime.fromtimestamp(pull.started, tz=UTC).replace(tzinfo=None),
        "pull_ended_at": utc_now() if pull.ended else None,
    }
    if begins:
        values["content_mark"] = found.content_mark
        if pull.mode != "incremental":
            values["last_sync_status"] = "started"
    if pull.ended and moves:
        values |= _has(found, pull.through, pull.offset, now)
    _write(connection, found, token_hash, values)


def note_all(
    connection: sa.Connection, found: Company, token_hash: str, pull: Pull, now: int, content_mark: str
) -> None:
    """Notes that a token has all of a pull whose pages were not noted one by one."""
    values = _has(found, pull.through, pull.offset, now)
    values |= {"sync_mode": pull.mode, "sync_window_hours": found.settings.sync_window_hours}
    _write(connection, found, token_hash, values | {"content_mark": content_mark})


def note_failure(connection: sa.Connection, found: Company, token_hash: str, error: str) -> None:
    """Notes that a page could not be given: auto begins anew with everything."""
    _write(connection, found, token_hash, {"last_sync_status": "failed", "last_sync_error": error})


def _has(found: Company, through: int, records: int, now: int) -> dict[str, Any]:
    return {
        "change_number": through,
        "last_sync_timestamp": now,
        "last_sync_records": records,
        "last_sync_status": "success",
        "last_sync_error": None,
        "total_syncs": found.status.pulls_ended + 1,
    }


def _write(connection: sa.Connection, found: Company, token_hash: str, values: dict[str, Any]) -> None:
    values = values | {"updated_at": utc_now()}
    of_token = {"company": found.companyid, "token": token_hash}
    known = bool(found.status.outcome)
    # A note that is gone by now went with the company's rows: the next pull has to begin anew.
    if not connection.execute(_CHANGE, {**values, **of_token}).rowcount and not known:
        first = {"companyid": found.companyid, "token_hash": token_hash, "last_sync_status": "success"}
        connection.execute(_FIRST[connection.dialect.name], first)
        connection.execute(_CHANGE, {**values, **of_token})
