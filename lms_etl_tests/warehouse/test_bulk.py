"""Bulk loads: what goes in comes out, and what cannot go in is refused, alike on every dialect."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lms_etl.warehouse import bulk
from lms_etl.warehouse.tables import Moment, Text
from lms_etl_tests.servers import MariaDB
from lms_etl_tests.warehouse.rows import warehouse_at

THINGS = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer),
    sa.Column("big", sa.BigInteger),
    sa.Column("amount", sa.Numeric(12, 2)),
    sa.Column("flag", sa.Boolean),
    sa.Column("day", sa.Date),
    sa.Column("moment", Moment),
    sa.Column("text", Text),
    sa.Column("short", sa.String(5)),
    sa.Column("order", sa.Integer),
    mysql_charset="utf8mb4",
)

TEXTS = [
    "",
    " ",
    " spaces around ",
    "tab\there",
    "line\nfeed",
    "carriage\rreturn",
    "both\r\n",
    "back\\slash",
    "ends in a backslash\\",
    "\\",
    r"\N",
    r"\.",
    r"\t is not a tab",
    "NULL",
    'it\'s "quoted" `so`',
    "comma, semicolon; percent % and %s and :name",
    "".join(chr(code) for code in range(1, 32)) + "\x7f\x85\u2028",
    "課程名稱",
    "🦉 owl 👩‍🎓",
    "\ufeffbyte order mark",
]


@pytest.fixture
def things(connection: sa.Connection) -> sa.Connection:
    """A connection to a database with the table `things`, which has a reserved word among its columns."""
    THINGS.metadata.create_all(connection)
    connection.commit()
    return connection


def add(connection: sa.Connection, **columns: Any) -> None:
    """Adds rows with the given columns, numbered from 1, in one bulk load."""
    rows = max(len(values) for values in columns.values() if isinstance(values, list))
    bulk.insert_columns(connection, THINGS, {"id": list(range(1, rows + 1)), **columns}, rows)


def column(connection: sa.Connection, name: str) -> list[Any]:
    """The values of a column in the order of their rows."""
    return list(connection.execute(sa.select(THINGS.c[name]).order_by(THINGS.c.id)).scalars())


moment = datetime.fromisoformat

VALUES: dict[str, list[Any]] = {
    "number": [0, 1, -1, 2**31 - 1, -(2**31)],
    "big": [0, 2**63 - 1, -(2**63)],
    "amount": [Decimal("0.00"), Decimal("0.01"), Decimal("-7.50"), Decimal("9999999999.99")],
    "flag": [True, False],
    "day": [date(1970, 1, 1), date(2024, 2, 29), date(2026, 12, 31)],
    "moment": [moment("2026-03-29T02:30:00"), moment("2026-01-01T23:59:59.999999")],
    "text": TEXTS,
    "short": ["", "abcde", "漢字漢字漢"],
    "order": [],
}


def test_every_type_comes_out_as_it_went_in(things: sa.Connection) -> None:
    rows = max(map(len, VALUES.values())) + 1
    padded = {name: values + [None] * (rows - len(values)) for name, values in VALUES.items()}
    add(things, **padded)
    for name, values in padded.items():
        found = column(things, name)
        assert found == values, name
        assert [type(value) for value in found] == [type(value) for value in values], name


def test_a_value_in_the_first_row_may_be_missing(things: sa.Connection) -> None:
    add(things, day=[None, date(2026, 3, 22)], amount=[None, Decimal("1.25")], text=[None, "a"], moment=[None, None])
    assert column(things, "day") == [None, date(2026, 3, 22)]
    assert column(things, "amount") == [None, Decimal("1.25")]
    assert column(things, "text") == [None, "a"]


def test_an_empty_text_is_not_null(things: sa.Connection) -> None:
    add(things, text=["", None, r"\N"])
    query = sa.select(THINGS.c.id).where(THINGS.c.text.is_(None))
    assert list(things.execute(query).scalars()) == [2]


def test_a_text_of_100_000_characters_is_not_cut(things: sa.Connection) -> None:
    long = "漢\\字\t🦉\n" * 20_000
    add(things, text=[long, "short"])
    assert column(things, "text") == [long, "short"]


@pytest.mark.parametrize("rows", [1, 25_000])
def test_few_and_many_rows_arrive_in_full(things: sa.Connection, rows: int) -> None:
    number = list(range(rows))
    inserted = bulk.insert_columns(
        things, THINGS, {"id": number, "number": number, "text": [f"row\t{each}" for each in number]}, rows
    )
    assert inserted == rows
    assert column(things, "number") == number
    assert column(things, "text") == [f"row\t{each}" for each in number]


def test_no_rows_need_no_statement(connection: sa.Connection) -> None:
    assert bulk.insert_columns(connection, THINGS, {"id": []}, 0) == 0, "the table does not even exist"


def test_a_scalar_stands_in_every_row(things: sa.Connection) -> None:
    scalars: dict[str, Any] = {
        "number": 7,
        "amount": Decimal("7.50"),
        "flag": True,
        "day": date(2026, 3, 22),
        "moment": moment("2026-03-22T01:02:03.000004"),
        "text": "tab\there",
        "short": None,
    }
    bulk.insert_columns(things, THINGS, {"id": [1, 2, 3], **scalars}, 3)
    for name, value in scalars.items():
        assert column(things, name) == [value] * 3, name


def test_columns_of_different_lengths_are_refused(things: sa.Connection) -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        bulk.insert_columns(things, THINGS, {"id": [1, 2, 3], "number": [1, 2]}, 3)


def test_missing_values_of_a_frame_are_null(things: sa.Connection) -> None:
    frame = pd.DataFrame(
        {
            "id": [1, 2, 3],
            "number": pd.array([5, None, 7], dtype="Int64"),
            "amount": pd.Series([Decimal("1.50"), None, np.nan], dtype=object),
            "flag": pd.array([True, None, False], dtype="boolean"),
            "moment": pd.to_datetime(["2026-03-22 10:00", None, "2026-03-23 00:00"]),
            "text": pd.Series(["a", None, ""], dtype="string"),
            "short": pd.Series(["a", None, np.nan], dtype="str"),
        }
    )
    assert bulk.insert_frame(things, THINGS, frame) == 3
    assert column(things, "number") == [5, None, 7]
    assert column(things, "amount") == [Decimal("1.50"), None, None]
    assert column(things, "flag") == [True, None, False]
    assert column(things, "moment") == [moment("2026-03-22T10:00:00"), None, moment("2026-03-23T00:00:00")]
    assert column(things, "text") == ["a", None, ""]
    assert column(things, "short") == ["a", None, None]


@pytest.mark.parametrize(
    ("values", "plain"),
    [
        (pd.Series([1, 2], dtype="int64"), [1, 2]),
        (pd.Series([1.5, np.nan]), [1.5, None]),
        (pd.Series([pd.NaT, pd.Timestamp("2026-03-22")]), [None, moment("2026-03-22T00:00:00")]),
        (pd.Series([None, None], dtype=object), [None, None]),
        (pd.Series(["a", pd.NA], dtype="string"), ["a", None]),
        (pd.Series([1, pd.NA], dtype="Int64"), [1, None]),
        (pd.Series([True, pd.NA], dtype="boolean"), [True, None]),
        (pd.Series([], dtype="int64"), []),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, pd.Series) else "",
)
def test_columns_are_plain_values_and_none(values: pd.Series, plain: list[Any]) -> None:
    found = bulk.columns_of(pd.DataFrame({"value": values}))["value"]
    assert found == plain
    assert not [value for value in found if isinstance(value, np.generic) or value is pd.NA]


def test_a_duplicate_key_is_an_integrity_error_and_leaves_nothing(things: sa.Connection) -> None:
    with pytest.raises(sa.exc.IntegrityError, match=r"(?i)duplicate|unique"):
        bulk.insert_columns(things, THINGS, {"id": [1, 2, 3, 2], "number": [1, 2, 3, 4]}, 4)
    things.rollback()
    assert column(things, "id") == []


def test_a_key_that_is_stored_already_is_an_integrity_error_and_keeps_the_old_row(things: sa.Connection) -> None:
    add(things, text=["old"])
    things.commit()
    with pytest.raises(sa.exc.IntegrityError):
        bulk.insert_columns(things, THINGS, {"id": [2, 1], "text": "new"}, 2)
    things.rollback()
    assert column(things, "text") == ["old"]


def test_a_missing_value_where_none_may_be_is_an_integrity_error(things: sa.Connection) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        bulk.insert_columns(things, THINGS, {"id": [None], "number": 1, "text": "a"}, 1)
    things.rollback()
    assert column(things, "id") == []


def test_a_value_that_does_not_fit_is_refused_by_servers_and_kept_by_sqlite(things: sa.Connection) -> None:
    too_much = {"short": ["fits", "does not"], "number": [1, 2**31], "amount": [Decimal(1), Decimal(10**11)]}
    for name, values in too_much.items():
        if things.dialect.name == "sqlite":
            add(things, **{name: values})
            assert column(things, name) == values, "SQLite knows no lengths"
        else:
            with pytest.raises(sa.exc.DBAPIError, match=r"(?i)too long|truncated|out of range|overflow"):
                add(things, **{name: values})
        things.rollback()
        assert column(things, "id") == []


def test_an_unknown_column_is_named_in_the_error(things: sa.Connection) -> None:
    other = sa.Table("things", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("colour", sa.Integer))
    with pytest.raises(sa.exc.DBAPIError, match="colour"):
        bulk.insert_columns(things, other, {"id": [1], "colour": [2]}, 1)


def test_rows_belong_to_the_callers_transaction(things: sa.Connection) -> None:
    add(things, number=[1, 2])
    things.rollback()
    assert column(things, "id") == []


@pytest.fixture
def no_local_infile(mariadb: MariaDB) -> Iterator[None]:
    """MariaDB as an administrator sets it up who forbids LOAD DATA LOCAL."""
    mariadb.execute("set global local_infile = 0")
    yield
    mariadb.execute("set global local_infile = 1")


@pytest.mark.usefixtures("no_local_infile")
def test_mariadb_without_local_infile_gets_the_same_rows(mariadb_url: str) -> None:
    with warehouse_at(mariadb_url) as opened, opened.engine.connect() as connection:
        THINGS.metadata.create_all(connection)
        rows = len(TEXTS) + 1
        add(connection, text=[*TEXTS, None], number=list(range(rows)), day=date(2026, 3, 22), order=5)
        connection.commit()
        assert column(connection, "text") == [*TEXTS, None]
        assert column(connection, "number") == list(range(rows))
        assert column(connection, "day") == [date(2026, 3, 22)] * rows
        with pytest.raises(sa.exc.IntegrityError):
            add(connection, number=[1])
        connection.rollback()
        assert connection.execute(sa.text("select @@global.local_infile")).scalar() == 0, "the fallback was not tested"


@pytest.fixture
def lenient_server(mariadb: MariaDB, no_local_infile: None) -> Iterator[None]:
    """MariaDB as old sites run it: values are cut to fit, backslashes are letters, and LOAD DATA LOCAL is forbidden."""
    usual = mariadb.execute("select @@global.sql_mode")
    mariadb.execute("set global sql_mode = 'NO_BACKSLASH_ESCAPES'")
    yield
    mariadb.execute(f"set global sql_mode = '{usual}'")


@pytest.mark.usefixtures("lenient_server")
def test_a_lenient_mariadb_neither_cuts_a_text_nor_changes_it(mariadb_url: str) -> None:
    with warehouse_at(mariadb_url) as opened, opened.engine.connect() as connection:
        THINGS.metadata.create_all(connection)
        with pytest.raises(sa.exc.DataError, match="too long"):
            add(connection, short=["too long for it"])
        connection.rollback()
        add(connection, text=TEXTS)
        assert column(connection, "text") == TEXTS


@contextmanager
def rolled_back(connection: sa.Connection) -> Iterator[None]:
    yield
    connection.rollback()


NO_NUL = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.none() | NO_NUL | st.sampled_from(TEXTS), min_size=1, max_size=20))
def test_any_text_comes_out_as_it_went_in(things: sa.Connection, texts: list[str | None]) -> None:
    with rolled_back(things):
        add(things, text=texts)
        assert column(things, "text") == texts


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.decimals(-(10**8), 10**8, places=2),
            st.none() | st.dates(date(1000, 1, 1)),
            st.none() | st.datetimes(moment("1000-01-01T00:00:00")),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_number_and_date_comes_out_as_it_went_in(things: sa.Connection, rows: list[tuple[Any, ...]]) -> None:
    big, amount, day, moment = (list(values) for values in zip(*rows, strict=True))
    with rolled_back(things):
        add(things, big=big, amount=amount, day=day, moment=moment)
        for name, values in (("big", big), ("amount", amount), ("day", day), ("moment", moment)):
            assert column(things, name) == values
