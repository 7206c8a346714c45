"""Database URLs: which are understood, and what is said about the others."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from lms_etl.databases import DatabaseProblem, parse_url, reading_engine, writing_engine


@pytest.mark.parametrize(
    ("written", "driver"),
    [
        ("mysql://reader:secret@db.example.org/moodle", "mysql+pymysql"),
        ("mysql+pymysql://reader:secret@db.example.org/moodle", "mysql+pymysql"),
        ("mariadb://reader:secret@db.example.org:3307/moodle", "mysql+pymysql"),
        ("mariadb+pymysql://reader:secret@db.example.org/moodle", "mysql+pymysql"),
        ("postgres://reader:secret@db.example.org/moodle", "postgresql+psycopg2"),
        ("postgresql://reader:secret@db.example.org/moodle", "postgresql+psycopg2"),
        ("postgresql+psycopg2://reader:secret@db.example.org/moodle", "postgresql+psycopg2"),
        ("sqlite:////var/lib/moodle.db", "sqlite"),
    ],
)
def test_the_schemes_people_write_mean_a_driver_that_is_installed(written: str, driver: str) -> None:
    url = parse_url(written, "MOODLE_DATABASE_URL")
    assert url.drivername == driver
    assert url.set(drivername=written.split(":", 1)[0]) == sa.make_url(written)
    url.get_dialect().import_dbapi()


@pytest.mark.parametrize(
    "written", ["oracle://scott:tiger@db/moodle", "mssql+pyodbc://sa:secret@db/moodle", "mysql+mysqldb://u:secret@db/m"]
)
def test_another_scheme_is_refused_in_one_line_that_names_the_setting(written: str) -> None:
    with pytest.raises(DatabaseProblem) as refused:
        parse_url(written, "WAREHOUSE_DATABASE_URL")
    message = str(refused.value)
    assert message.startswith("WAREHOUSE_DATABASE_URL names the database ")
    assert message.endswith("Use one of mysql, mariadb, postgresql or sqlite.")
    assert "\n" not in message
    assert "secret" not in message


@pytest.mark.parametrize(
    "written",
    ["", " ", "moodle", "db.example.org/moodle", "mysql:/reader:secret@db", "mysql://u:secret@db:port/moodle"],
)
def test_text_that_is_no_url_is_refused_in_one_line_with_an_example(written: str) -> None:
    with pytest.raises(DatabaseProblem) as refused:
        parse_url(written, "MOODLE_DATABASE_URL")
    message = str(refused.value)
    assert message.startswith("MOODLE_DATABASE_URL is not a database URL. Write it like mysql://")
    assert "\n" not in message
    assert "u:secret" not in message


def test_a_file_is_found_whatever_its_path_holds(tmp_path: Path) -> None:
    folder = tmp_path / "my moodle #2 100% ?ö"
    folder.mkdir()
    writer = sa.create_engine(sa.URL.create("sqlite", database=str(folder / "site.db")))
    with writer.begin() as connection:
        connection.exec_driver_sql("create table answer as select 42 as n")
    writer.dispose()
    url = sa.URL.create("sqlite", database=str(folder / "site.db")).render_as_string()
    engine = reading_engine(url, "MOODLE_DATABASE_URL", timeout=10, connections=1)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("select n from answer").scalar() == 42
    engine.dispose()


def test_sessions_of_the_warehouse_are_in_utc_on_a_server_that_is_not(postgres_url: str, mariadb_url: str) -> None:
    for url, elsewhere, ask, utc in (
        (postgres_url, "alter role current_user set timezone = 'Asia/Jakarta'", "show timezone", "UTC"),
        (mariadb_url, "set global time_zone = '+07:00'", "select @@session.time_zone", "+00:00"),
    ):
        admin = sa.create_engine(url, poolclass=sa.NullPool)
        back = "alter role current_user reset timezone" if "postgres" in url else "set global time_zone = '+00:00'"
        with admin.begin() as connection:
            connection.exec_driver_sql(elsewhere)
        engine = writing_engine(url, "WAREHOUSE_DATABASE_URL")
        try:
            with engine.connect() as connection:
                assert connection.exec_driver_sql(ask).scalar() == utc
        finally:
            engine.dispose()
            with admin.begin() as connection:
                connection.exec_driver_sql(back)
