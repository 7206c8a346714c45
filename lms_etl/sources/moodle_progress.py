"""Course progress as Moodle knows it: companies, their members and courses, and what users did in the courses.

A company is one of IOMAD's, a top category, or the whole site. The statements are the same for all three: they name
`members` and `offered`, which a file for each kind of company selects. The number of statements does not grow with the
rows, but with portions of some thousand users, so that memory does not grow with the company.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from lms_etl.databases import DatabaseProblem
from lms_etl.sources.moodle import Given, Moodle

if TYPE_CHECKING:
    import pandas as pd

USERS_A_STATEMENT = 5_000
"""Users, or changed pairs, of one statement. Each is a parameter, of which SQLite takes 32,766."""

ROWS_A_STATEMENT = 50_000
"""Rows of one statement, unless one user has more. They are in memory at once, about 1 KB each."""

IOMAD_TABLES = ("company", "company_users", "company_course")
IOMAD, CATEGORY, SITE = "iomad", "category", "site"
FACTS = (
    "userid",
    "courseid",
    "enrolled_at",
    "began_at",
    "completed_at",
    "tracked",
    "done",
    "reached",
    "states",
    "ones",
    "last_one",
)
"""Columns of the facts about one user in one course, whole numbers all. Moments are unix seconds, 0 for never.

`tracked` modules of the course count for the percentage, `done` of them are; the user has `states` recorded, `reached`
of them other than incomplete, and `ones` of them are 1, the last one of these at `last_one`.
"""

_SCANNED_FROM = 0.1
"""Share of the site's modules from which a company's changes are found by a scan: looking a row up takes ten times as
long as to scan past it."""

_FILES = {IOMAD: ("iomad", "iomad"), CATEGORY: ("site", "categories"), SITE: ("site", "site")}
_KIND_OF_SETTING = {"iomad": IOMAD, "categories": CATEGORY, "site": SITE}


class NoCompanies(DatabaseProblem):
    """IOMAD's tables are asked for and are not there."""


@dataclass(frozen=True)
class Company:
    """A company at the source. `origin` is iomad, category or site."""

    companyid: int
    shortname: str
    name: str
    origin: str


class Portion(NamedTuple):
    """Facts about some users of a company, with what they and the courses are called.

    `people` has firstname, lastname and mail address by user.
    """

    facts: "pd.DataFrame"
    people: dict[int, tuple[str, str, str]]


def companies(moodle: Moodle) -> list[Company]:
    """All companies of the site, by LMS_ETL_COMPANIES. Raises NoCompanies."""
    with moodle.reading() as connection:
        origin = _origin(moodle, connection)
        name = {IOMAD: "companies_iomad", CATEGORY: "companies_categories", SITE: "companies_site"}[origin]
        found = moodle.rows(connection, name, {}).all()
        return [Company(1 if origin == SITE else row[0], row[1] or "", row[2] or "", origin) for row in found]


def _origin(moodle: Moodle, connection: sa.Connection) -> str:
    asked = moodle.settings.companies
    if asked not in ("auto", "iomad"):
        return _KIND_OF_SETTING[asked]
    inspector = sa.inspect(connection)
    prefix = moodle.settings.moodle_table_prefix
    missing = [prefix + name for name in IOMAD_TABLES if not inspector.has_table(prefix + name)]
    if not missing:
        return IOMAD
    if asked == "iomad":
        raise NoCompanies(
            f"Moodle has no table {missing[0]}, which companies of IOMAD need. "
            "Set LMS_ETL_COMPANIES to auto, categories or site."
        )
    return SITE


class CompanyReader:
    """Reads one company in the snapshot of one connection. `now` is unix seconds and decides which enrolments live."""

    def __init__(self, moodle: Moodle, connection: sa.Connection, company: Company, now: int) -> None:
        self.moodle, self.connection, self.company = moodle, connection, company
        settings = moodle.settings
        members, courses = _FILES[company.origin]
        self.given: Given = (
            ("members", f"moodle/company_members_{members}"),
            ("offered", f"moodle/company_courses_{courses}"),
        )
        self.parameters: dict[str, Any] = {
            "companyid": company.companyid,
            "below": f"/{company.companyid}/%",
            "now": now,
            "parity": int(settings.progress_parity),
            "hidden_count": int(settings.progress_hidden_modules),
            "failed_count": int(settings.progress_failed_modules),
        }

    def courses(self) -> dict[int, str]:
        """Full names of the visible courses by id."""
        return {int(row[0]): row[1] for row in self._rows("company_courses")}

    def members(self) -> set[int]:
        """Ids of the active members."""
        return set(self._rows("company_members").scalars())

    def enrolled_users(self) -> "pd.DataFrame":
        """userid and enrolments (in visible courses of the company) of the active members that have any, in order."""
        return self._integers("enrolled_users", ("userid", "enrolments"), {})

    def enrolled_pairs(self) -> int:
        """How many rows the company must have, counted apart from them."""
        return int(self._rows("enrolled_pairs").scalar_one())

    def changed_pairs(self, since: int) -> "pd.DataFrame":
        """userid and courseid, int64, of what changed since a moment (unix seconds), in order."""
        asked = self.parameters | {"since": since}
        given = (*self.given, ("states", f"moodle/{self._changed_states()}"))
        found = self.moodle.integers(self.connection, "changed_pairs", ("userid", "courseid"), asked, given)
        return found.sort_values(["userid", "courseid"], ignore_index=True)

    def _changed_states(self) -> str:
        """The statement of changed states that is cheaper: a scan of all, or a look at each module of the company."""
        modules, own = self._rows("module_share").one()
        return "changed_states" if own > _SCANNED_FROM * modules else "changed_states_of_company"

    def portions(self, users: "pd.DataFrame") -> Iterator[tuple[int, int, Portion]]:
        """Portions of the users (as `enrolled_users` has them), each with the first and last id that it answers for.

        Together these ranges hold every id there can be, so that a stored row of anybody falls into one.
        """
        ids = users["userid"].tolist()
        first = 0
        for start, end in parts(users["enrolments"].tolist()):
            last = ids[end - 1] if end < len(ids) else 2**62
            yield first, last, self._portion(ids[start:end])
            first = last + 1

    def portions_of_pairs(self, pairs: "pd.DataFrame") -> Iterator[tuple["pd.DataFrame", Portion]]:
        """Portions of the pairs with the facts about them; a pair without an active enrolment has none."""
        for start in range(0, len(pairs), USERS_A_STATEMENT):
            part = pairs.iloc[start : start + USERS_A_STATEMENT]
            keys = (part["courseid"] * 2**32 + part["userid"]).tolist()
            yield part, self._portion(part["userid"].unique().tolist(), keys)

    def _portion(self, users: list[int], keys: list[int] | None = None) -> Portion:
        asked = {"user_ids": users, "pair_ids": keys or [], "every_pair": int(keys is None)}
        facts = self._integers("progress_facts", FACTS, asked)
        facts = facts.sort_values(["userid", "courseid"], ignore_index=True)
        named = {"user_ids": facts["userid"].unique().tolist()}
        found = self.moodle.rows(self.connection, "people", named)
        return Portion(facts, {row[0]: (row[1] or "", row[2] or "", row[3] or "") for row in found})

    def _integers(self, name: str, columns: tuple[str, ...], more: dict[str, Any]) -> "pd.DataFrame":
        return self.moodle.integers(self.connection, name, columns, self.parameters | more, self.given)

    def _rows(self, name: str) -> "sa.CursorResult[*tuple[Any, ...]]":
        return self.moodle.rows(self.connection, name, self.parameters, given=self.given)


def parts(enrolments: list[int]) -> Iterator[tuple[int, int]]:
    """Users by their places, from and up to, in parts of USERS_A_STATEMENT and about ROWS_A_STATEMENT at most.

    Nobody is one part without users: it answers for rows that are stored.
    """
    start = rows = 0
    for place, more in enumerate(enrolments):
        if place > start and (rows + more > ROWS_A_STATEMENT or place - start == USERS_A_STATEMENT):
            yield start, place
            start, rows = place, 0
        rows += more
    yield start, len(enrolments)
