"""Building: exact size, the same rows everywhere, Moodle's own schema."""

import hashlib
from datetime import date

import pytest
import sqlalchemy as sa

from lms_etl.demo import SiteShape, build_site
from lms_etl.demo import log as log_module
from lms_etl.demo.log import log_chunks
from lms_etl.demo.plan import plan_of
from lms_etl.demo.schema import moodle_tables

SMALL = SiteShape(log_rows=3_000, courses=12, students=40, last_day=date(2025, 9, 14), timezone="Asia/Jakarta", seed=7)


def stored_checksum(url: str, prefix: str = "mdl_") -> str:
    log = moodle_tables(prefix).tables[f"{prefix}logstore_standard_log"]
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(sa.select(log).order_by(log.c.id))]
    engine.dispose()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def planned_checksum(shape: SiteShape) -> str:
    names = [column.name for column in moodle_tables("").tables["logstore_standard_log"].c]
    rows = [row for chunk in log_chunks(plan_of(shape)) for row in zip(*(chunk[name] for name in names), strict=True)]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def test_every_database_holds_the_rows_that_were_planned(database_url: str) -> None:
    build_site(database_url, SMALL)
    assert stored_checksum(database_url) == planned_checksum(SMALL)


def test_the_same_seed_gives_the_same_rows() -> None:
    assert planned_checksum(SMALL) == planned_checksum(SiteShape(**vars(SMALL)))


def test_another_seed_gives_other_rows() -> None:
    assert planned_checksum(SMALL) != planned_checksum(SiteShape(**{**vars(SMALL), "seed": 8}))


def test_building_again_replaces_the_site(sqlite_url: str) -> None:
    build_site(sqlite_url, SiteShape(**{**vars(SMALL), "seed": 8}))
    build_site(sqlite_url, SMALL)
    assert stored_checksum(sqlite_url) == planned_checksum(SMALL)


@pytest.mark.parametrize("rows", [0, 1, 99, 1_000, 2_501])
def test_log_holds_exactly_the_rows_asked_for(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "CHUNK", 500)
    shape = SiteShape(log_rows=rows, last_day=date(2025, 9, 3))
    ids = [id_ for chunk in log_chunks(plan_of(shape)) for id_ in chunk["id"]]
    assert ids == list(range(1, rows + 1))


def test_progress_ends_at_the_total(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "CHUNK", 2_000)
    seen: list[tuple[int, int]] = []
    build_site(sqlite_url, SMALL, lambda written, total: seen.append((written, total)))
    assert seen == [(2_000, 3_000), (3_000, 3_000)]


def test_a_row_added_later_gets_the_next_id(database_url: str) -> None:
    build_site(database_url, SMALL)
    course = moodle_tables("mdl_").tables["mdl_course"]
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        highest = connection.scalar(sa.select(sa.func.max(course.c.id)))
        added = connection.execute(sa.insert(course).values(fullname="One more"))
        assert added.inserted_primary_key == (highest + 1,)
    engine.dispose()


def test_indexes_and_nullability_are_moodles(database_url: str) -> None:
    build_site(database_url, SiteShape(**{**vars(SMALL), "prefix": "m_", "log_rows": 10}))
    engine = sa.create_engine(database_url)
    inspector = sa.inspect(engine)
    indexes = {index["name"]: index["column_names"] for index in inspector.get_indexes("m_logstore_standard_log")}
    nullable = {column["name"] for column in inspector.get_columns("m_logstore_standard_log") if column["nullable"]}
    engine.dispose()
    assert len(indexes) == 8
    assert indexes["m_logsstanlog_tim_ix"] == ["timecreated"]
    assert indexes["m_logsstanlog_couanotim_ix"] == ["courseid", "anonymous", "timecreated"]
    assert nullable == {"objecttable", "objectid", "courseid", "relateduserid", "other", "origin", "ip", "realuserid"}


@pytest.mark.parametrize(
    "wrong",
    [{"courses": 9}, {"log_rows": -1}, {"prefix": "mdl-"}, {"last_day": date(2025, 8, 31)}, {"students": 0}],
)
def test_an_impossible_shape_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        SiteShape(**wrong)  # type: ignore[arg-type]
