"""Settings of companies: defaults, ranges, wide values, templates, and a version that grows with every change."""

import pytest
import sqlalchemy as sa

from lms_etl.warehouse import tables
from lms_etl.warehouse.company_settings import (
    FIELDS,
    CompanyProblem,
    CompanySettings,
    copy_settings,
    of_values,
    set_setting,
    settings_of,
    settings_of_all,
    stored_values,
)
from lms_etl.warehouse.warehouse import Warehouse

EVERY = frozenset(FIELDS)


def companies(warehouse: Warehouse, *numbers: int) -> None:
    rows = [
        {"companyid": number, "shortname": f"c{number}", "name": f"Company {number}", "origin": "iomad"}
        for number in numbers
    ]
    with warehouse.writing() as connection:
        connection.execute(sa.insert(tables.companies), rows)


def version(connection: sa.Connection, companyid: int) -> int:
    found = sa.select(tables.companies.c.settings_version).where(tables.companies.c.companyid == companyid)
    return int(connection.execute(found).scalar_one())


@pytest.mark.parametrize(
    ("stored", "meant"),
    [
        ({}, CompanySettings()),
        ({"field_email": 0}, CompanySettings(fields=EVERY - {"email"})),
        ({"field_email": 1, "unknown": 7}, CompanySettings()),
        ({"course_4": 1, "course_5": 0}, CompanySettings(courses=frozenset({4}), courses_off=frozenset({5}))),
        ({"course_5": 0}, CompanySettings(courses=frozenset(), courses_off=frozenset({5}))),
        ({"course_4": 1, "course_5": 0, "new_courses": 1}, CompanySettings(courses_off=frozenset({5}))),
        ({"rate_limit": 0, "cache_enabled": 0}, CompanySettings(rate_limit=0, cache_enabled=False)),
        ({"sync_mode": 2, "sync_window_hours": 168}, CompanySettings(sync_mode=2, sync_window_hours=168)),
    ],
)
def test_what_is_not_stored_has_its_default(stored: dict[str, int], meant: CompanySettings) -> None:
    assert of_values(stored) == meant


def test_a_course_counts_by_its_switch_and_a_new_one_by_the_policy() -> None:
    assert of_values({}).takes(9)
    chosen = of_values({"course_4": 1, "course_5": 0})
    assert [chosen.takes(course) for course in (4, 5, 9)] == [True, False, False]
    open_to_new = of_values({"course_4": 1, "course_5": 0, "new_courses": 1})
    assert [open_to_new.takes(course) for course in (4, 5, 9)] == [True, False, True]


def test_wide_values_are_stored_and_read_back_by_company(warehouse: Warehouse) -> None:
    companies(warehouse, 1, 2)
    with warehouse.writing() as connection:
        assert set_setting(connection, 1, "rate_limit", 10_000)
        assert set_setting(connection, 1, "first_sync_hours", 2160)
        assert set_setting(connection, 1, "course_999999999999", 1)
    with warehouse.reading() as connection:
        own = settings_of(connection, 1)
        assert (own.rate_limit, own.first_sync_hours, own.courses) == (10_000, 2160, {999_999_999_999})
        assert settings_of_all(connection) == {1: own, 2: CompanySettings()}


def test_the_version_grows_with_a_change_and_only_then(warehouse: Warehouse) -> None:
    companies(warehouse, 1, 2)
    seen = []
    for value in (0, 0, 1, None, None):
        with warehouse.writing() as connection:
            set_setting(connection, 1, "field_email", value)
        with warehouse.reading() as connection:
            seen.append(version(connection, 1))
    assert seen == [1, 1, 2, 3, 3]
    with warehouse.reading() as connection:
        assert stored_values(connection, 1) == {}
        assert version(connection, 2) == 0


def test_a_template_makes_the_target_equal_to_its_source(warehouse: Warehouse) -> None:
    companies(warehouse, 1, 2)
    with warehouse.writing() as connection:
        for companyid, name, value in (
            (1, "field_email", 0), (1, "rate_limit", 5), (2, "rate_limit", 7), (2, "cache_enabled", 0),
        ):  # fmt: skip
            set_setting(connection, companyid, name, value)
    with warehouse.writing() as connection:
        assert copy_settings(connection, 1, 2) == 3
    with warehouse.reading() as connection:
        assert stored_values(connection, 2) == stored_values(connection, 1) == {"field_email": 0, "rate_limit": 5}
        assert settings_of(connection, 2) == settings_of(connection, 1)
        assert version(connection, 2) == 5
    with warehouse.writing() as connection:
        assert copy_settings(connection, 1, 2) == 0


WRONG: list[tuple[int, str, int | None, str]] = [
    (1, "sync_mode", 4, "sync_mode=4 cannot be used: it takes 0, 1, 2, 3"),
    (1, "sync_window_hours", 169, "it takes 1 to 168"),
    (1, "first_sync_hours", 25, "it takes 0, 24, 168, 720, 2160"),
    (1, "cache_ttl_minutes", 4, "it takes 5 to 1440"),
    (1, "rate_limit", -1, "it takes 0 to"),
    (1, "course_0", 1, "There is no setting 'course_0'"),
    (1, "course_7", 2, "it takes 0, 1"),
    (1, "field_password", 1, "There is no setting 'field_password'"),
    (1, "field_password", None, "There is no setting 'field_password'"),
    (3, "sync_mode", 1, "There is no company 3"),
]


def test_a_wrong_setting_is_one_clear_error_and_changes_nothing(sqlite_warehouse: Warehouse) -> None:
    companies(sqlite_warehouse, 1)
    for companyid, name, value, complaint in WRONG:
        with pytest.raises(CompanyProblem, match=complaint) as refused, sqlite_warehouse.writing() as connection:
            set_setting(connection, companyid, name, value)
        assert "\n" not in str(refused.value)
    with sqlite_warehouse.reading() as connection:
        assert (stored_values(connection, 1), version(connection, 1)) == ({}, 0)
