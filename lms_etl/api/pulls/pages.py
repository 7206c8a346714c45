"""One page of a pull, in the documented order: token, quota, company, log; then the cache, then the rows."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa

from lms_etl import clock, databases
from lms_etl.api import daily_quotas
from lms_etl.api.auth import Bearer
from lms_etl.api.cache import Kept
from lms_etl.api.calls import Call
from lms_etl.api.errors import ApiError
from lms_etl.api.pulls import noted, rows
from lms_etl.api.pulls.cursor import OWNER, Cursor
from lms_etl.api.pulls.live import Live, live_page
from lms_etl.api.pulls.noted import Company
from lms_etl.api.pulls.rules import Key, Place, Pull, Status, begun, given, mode_of, place
from lms_etl.api.reading.cursors import digest_of
from lms_etl.api.reading.rows import glance_of
from lms_etl.databases import DatabaseProblem
from lms_etl.warehouse.tables import companies
from lms_etl.warehouse.warehouse import SETTING, Warehouse

ATTEMPTS = 3
"""Of a transaction that the database ends because two waited for each other."""
NOTHING = Kept(b"[]", 0, None, False)
Written = TypeVar("Written")


@dataclass
class Opened:
    """A call that may read a company, with what is left of its quota."""

    bearer: Bearer
    company: Company
    quota: daily_quotas.Counted
    now: int

    @contextmanager
    def telling_quota(self) -> Iterator[None]:
        """Refusals of the block also say what is left."""
        try:
            yield
        except ApiError as error:
            error.headers |= self.quota.headers
            raise


class Pages:
    """Gives pages of pulls out of a warehouse and a cache."""

    def __init__(self, warehouse: Warehouse, cache: Any) -> None:
        self.warehouse, self.cache = warehouse, cache
        self.zone = warehouse.settings.zone
        self.live: Live | None = None
        """Gives the rows of a company that was never synced; without it such a company is `not_synced`."""

    def found(self, bearer: Bearer, companyid: int | None, call: Call) -> Company:
        """The company that a call of a bearer is about. Raises ApiError."""
        with self.warehouse.reading() as connection:
            return self._found(connection, bearer, companyid, call)

    def _found(self, connection: sa.Connection, bearer: Bearer, companyid: int | None, call: Call) -> Company:
        call.userid, call.username = bearer.number, bearer.scope.username
        number = company_of(connection, bearer, companyid)
        found = noted.company(connection, number, bearer.token_hash)
        if found is None:
            raise ApiError("no_company")
        call.companyid, call.shortname = found.companyid, found.shortname
        return found

    def opened(self, bearer: Bearer, companyid: int | None, call: Call) -> Opened:
        """Counts the call of a bearer for the company it asks for. Raises ApiError."""
        moment = clock.now()

        def counting(connection: sa.Connection) -> tuple[Company, daily_quotas.Counted]:
            found = self._found(connection, bearer, companyid, call)
            limit = daily_quotas.limit_of(found.settings, self.warehouse.settings.api_daily_limit)
            return found, daily_quotas.count(connection, found.companyid, limit, moment, self.zone)

        found, counted = self._written(counting)
        if not counted.allowed:
            # The first refusal of a day is logged, and makes the one alert; the others are counted.
            call.silent = counted.refused > 1
            wait = {"Retry-After": str(max(1, counted.reset - int(moment.timestamp())))}
            told = {"limit": counted.limit, "remaining": 0, "reset": counted.reset}
            raise ApiError("daily_limit_reached", told, wait | counted.headers)
        if not found.live:
            raise ApiError("no_company", headers=counted.headers)
        return Opened(bearer, found, counted, int(moment.timestamp()))

    def require_limit(self, limit: int) -> None:
        """Raises ApiError for more rows than one answer may have."""
        most = self.warehouse.settings.api_max_records
        if limit > most:
            raise ApiError("limit_too_large", message=f"limit is {limit}; one answer has at most {most} rows")

    def by_offset(
        self, opened: Opened, limit: int, offset: int, call: Call, explicit: bool = False
    ) -> tuple[Kept, Pull]:
        """A page by its offset, in the pull that the token has under way; offset 0 begins a new one.

        The last page, one that is not full, moves the token's watermark, unless that is left to an `explicit`
        acknowledgement.
        """
        found, status = opened.company, opened.company.status
        unnoted = found.unnoted
        begins = unnoted or offset == 0 or status.pull is None
        pull = self.new_pull(opened) if begins else status.pull
        assert pull is not None
        at = Place(None, offset) if unnoted else place(pull, offset)
        kept = self.page(opened, pull, at, limit, call) if at else NOTHING
        # Only a page that is not full tells the client that it was the last.
        more = kept.has_next or kept.count == limit
        after = given(pull, offset, kept.count, Key(*kept.last) if kept.last else None, more)
        if at and not unnoted and (begins or after != pull):
            token = opened.bearer.token_hash
            self._written(
                lambda connection: noted.note_page(
                    connection, found, token, after, opened.now, begins=begins, moves=not explicit
                )
            )
        return kept, after

    def cursor(self, opened: Opened, pull: Pull, explicit: bool) -> Cursor:
        """The cursor after a page of a pull that the company's present settings shape."""
        owner = opened.bearer.token_hash[:OWNER]
        return Cursor(opened.company.companyid, owner, pull, explicit, opened.company.content_mark)

    def by_cursor(self, opened: Opened, cursor: Cursor, limit: int, call: Call) -> tuple[Kept, Cursor]:
        """The page after a cursor, and the cursor after that page."""
        pull = cursor.pull
        kept = self.page(opened, pull, Place(pull.key, 0), limit, call)
        after = given(pull, pull.offset, kept.count, Key(*kept.last) if kept.last else None, kept.has_next)
        if after.ended and not cursor.explicit:
            self.note_all(opened, after, cursor.content_mark)
        return kept, replace(cursor, pull=after)

    def note_all(self, opened: Opened, pull: Pull, content_mark: str) -> None:
        """Notes that the token has all of a pull, unless nothing is noted."""
        if opened.company.unnoted:
            return
        found, token = opened.company, opened.bearer.token_hash
        self._written(lambda connection: noted.note_all(connection, found, token, pull, opened.now, content_mark))

    def new_pull(self, opened: Opened, mode: str | None = None) -> Pull:
        """A pull that begins now, in the mode asked for, else in the one that the company's settings choose."""
        found = opened.company
        if found.never_synced and self.live is None:
            raise ApiError("not_synced", headers={"Retry-After": "600"})
        status = Status() if found.unnoted else found.status
        chosen = mode_of(found.settings, status, found.content_mark, found.change_number, opened.now)
        if mode == "full":
            chosen = "full"
        elif mode == "incremental" and status.pulls_ended:
            chosen = "incremental"
        return begun(chosen, status, found.change_number, opened.now)

    def page(self, opened: Opened, pull: Pull, at: Place, limit: int, call: Call) -> Kept:
        """The rows of a pull from a place on, out of the cache or the warehouse."""
        settings = opened.company.settings
        call.details |= {"limit": limit, "mode": pull.mode}
        key = self._key(opened, pull, at, limit)
        kept = self.cache.find(key) if settings.cache_enabled else None
        call.cache_hit = kept is not None if settings.cache_enabled else None
        if kept is None:
            kept = self._read(opened, pull, at, limit)
            if settings.cache_enabled:
                self.cache.keep(key, kept, settings.cache_ttl_minutes * 60)
        call.records = kept.count
        return kept

    def _written(self, work: Callable[[sa.Connection], Written]) -> Written:
        """What a short transaction gives; one that MySQL ends for the sake of another is done again."""
        attempt = 1
        while True:
            try:
                with self.warehouse.writing() as connection:
                    return work(connection)
            except DatabaseProblem as error:
                if attempt == ATTEMPTS or "deadlock" not in str(error).lower():
                    raise
                attempt += 1

    def _key(self, opened: Opened, pull: Pull, at: Place, limit: int) -> str:
        """Everything that a page depends on."""
        found = opened.company
        since = pull.completed_since(found.settings)
        # A first pull without a limit of time has the rows of a full one.
        mode = "full" if pull.mode == "first" and since is None else pull.mode
        snapshot = (mode, pull.after, pull.through, since, at, limit)
        versions = (found.change_number, found.settings_version, found.never_synced)
        return digest_of(found.companyid, opened.bearer.token_hash, snapshot, versions, self.zone.key)

    def _read(self, opened: Opened, pull: Pull, at: Place, limit: int) -> Kept:
        found = opened.company
        if found.never_synced and self.live:
            return self._kept(opened, pull, *live_page(self.live(found.companyid), pull, found.settings, at, limit))
        try:
            with databases.plain_errors(SETTING, self.warehouse.url), glance_of(self.warehouse) as connection:
                read, has_next = rows.page(connection, found.companyid, pull, found.settings, at, limit)
        except DatabaseProblem:
            with suppress(DatabaseProblem, sa.exc.SQLAlchemyError), self.warehouse.writing() as connection:
                noted.note_failure(connection, found, opened.bearer.token_hash, "The rows could not be read.")
            raise
        return self._kept(opened, pull, read, has_next)

    def _kept(self, opened: Opened, pull: Pull, read: Sequence[Any], has_next: bool) -> Kept:
        last = (read[-1].userid, read[-1].courseid) if read else None
        shown = rows.shown(read, opened.company.settings, self.zone, pull.with_tombstones)
        return Kept(orjson.dumps(shown), len(read), last, has_next)


def company_of(connection: sa.Connection, bearer: Bearer, asked: int | None) -> int:
    """The company that a call is about. Raises ApiError when it is not the caller's, or not clear which one it is."""
    own = bearer.scope.companies
    if bearer.scope.admin and asked is None:
        own = frozenset(connection.scalars(sa.select(companies.c.companyid).where(companies.c.live == 1).limit(2)))
    if not (own or bearer.scope.admin) or (asked is not None and not bearer.scope.admin and asked not in own):
        raise ApiError("no_company")
    if asked is not None:
        return asked
    if len(own) > 1:
        problem = "needed: this token reads several companies"
        raise ApiError("invalid_parameter", [{"parameter": "companyid", "problem": problem}])
    if not own:
        raise ApiError("no_company")
    return next(iter(own))
