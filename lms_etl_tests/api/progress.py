"""Companies with course progress, loads that change it as a sync does, and calls of the report API."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from lms_etl.api import tokens, users
from lms_etl.warehouse import tables
from lms_etl.warehouse.company_settings import set_setting
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.api.conftest import Api

SERVICE = "/webservice/rest/server.php"
CLEAN = "/api/report/course_progress"
FUNCTION = "local_alx_report_api_get_course_progress"
COMPLETED = 1_774_171_800
"""2026-03-22 09:30:00 UTC."""


def company(warehouse: Warehouse, *numbers: int) -> None:
    """Companies that were synced, without a row yet."""
    rows = [
        {"companyid": n, "shortname": f"c{n}", "name": f"Company {n}", "origin": "iomad", "synced_through": COMPLETED}
        for n in numbers
    ]
    with warehouse.writing() as connection:
        connection.execute(sa.insert(tables.companies), rows)


def member(api: Api, who: str, *companies: int) -> None:
    """A reader of companies with a token."""
    with api.warehouse.writing() as connection:
        users.set_privilege(connection, who, "reader", companies=companies)
        api.tokens[who] = tokens.create(connection, who, None)


def setting(api: Api, companyid: int, **values: int | None) -> None:
    with api.warehouse.writing() as connection:
        for name, value in values.items():
            set_setting(connection, companyid, name, value)


def load(warehouse: Warehouse, companyid: int, pairs: Iterable[tuple[int, int]], **values: Any) -> int:
    """One sync: adds or changes the rows of (user, course) pairs in one transaction; returns its change number."""
    progress, companies = tables.course_progress, tables.companies
    plain = {
        "firstname": "Ana", "lastname": f"Of {companyid}", "email": "ana@example.org", "coursename": "Safety",
        "timecompleted": 0, "timestarted": 0, "percentage": 0, "status": "not_started", "last_updated": 1_774_000_000,
    }  # fmt: skip
    with warehouse.writing() as connection:
        own = companies.c.companyid == companyid
        connection.execute(sa.update(companies).where(own).values(change_number=companies.c.change_number + 1))
        number = int(connection.execute(sa.select(companies.c.change_number).where(own)).scalar_one())
        new = []
        for user, course in pairs:
            row = sa.and_(progress.c.companyid == companyid, progress.c.userid == user, progress.c.courseid == course)
            change = sa.update(progress).where(row).values(**values, change_number=number)
            if number == 1 or not connection.execute(change).rowcount:
                key = {"companyid": companyid, "userid": user, "courseid": course}
                new.append({**plain, "is_deleted": 0, **values, **key, "change_number": number})
        if new:
            connection.execute(sa.insert(progress), new)
    return number


def delete(warehouse: Warehouse, companyid: int, *pairs: tuple[int, int]) -> int:
    """A sync that finds rows gone."""
    return load(warehouse, companyid, pairs, is_deleted=1)


def form(api: Api, who: str | None, **fields: Any) -> Any:
    """A call as a BI tool makes it."""
    token = {"wstoken": api.tokens[who]} if who else {}
    data = {**token, "wsfunction": FUNCTION, "moodlewsrestformat": "json", **fields}
    return api.client.post(SERVICE, data={name: str(value) for name, value in data.items()})


def pairs(answer: Any) -> list[tuple[int, int]]:
    """The keys of the rows of an answer of either kind."""
    assert answer.status_code == 200, answer.text
    told = answer.json()
    rows = told["data"] if isinstance(told, dict) and "data" in told else told
    assert isinstance(rows, list), told
    return [(row["userid"], row["courseid"]) for row in rows]


def refused(answer: Any) -> str:
    """The errorcode of a refusal as Moodle gives it."""
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert set(told) == {"exception", "errorcode", "message"}
    assert told["message"]
    return str(told["errorcode"])


def calls(api: Api) -> list[dict[str, Any]]:
    """The call log, once it is written."""
    assert api.app.state.journal.flush()
    with api.warehouse.reading() as connection:
        query = sa.select(tables.api_calls).order_by(tables.api_calls.c.id)
        return [dict(row) for row in connection.execute(query).mappings()]
