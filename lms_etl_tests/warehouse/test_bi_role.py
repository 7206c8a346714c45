"""The role for BI tools: it reads the views made for it, and can neither write nor read anything else."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from lms_etl.warehouse import bi_role
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.api.conftest import fill

NAME = "bi_reader"
FORBIDDEN = (
    "select * from user_activity_etl",
    "select * from api_tokens",
    "delete from bi_days",
    "insert into courses (moodle_course_id, visible) values (1, 1)",
    "create table mine (id int)",
)


@pytest.mark.parametrize("dialect", ["mariadb", "postgresql"])
def test_the_role_reads_its_views_and_nothing_else(new_database: Callable[[str], str], dialect: str) -> None:
    from lms_etl.warehouse import schema
    from lms_etl_tests.warehouse.rows import warehouse_at

    with warehouse_at(new_database(dialect)) as warehouse:
        schema.migrate(warehouse)
        fill(warehouse)
        password = bi_role.make(warehouse, NAME)
        try:
            assert password
            assert bi_role.make(warehouse, NAME) is None
            engine = sa.create_engine(warehouse.url.set(username=NAME, password=password), poolclass=sa.NullPool)
            with engine.connect() as connection:
                rows = connection.execute(sa.text("select directorate, total_views from bi_user_activity")).all()
                assert sorted(rows)[0] == ("D1", 11)
                assert len(rows) == 10
                assert connection.execute(sa.text("select count(*) from bi_days where loaded = 1")).scalar() == 2
                for statement in FORBIDDEN:
                    connection.rollback()
                    with pytest.raises(sa.exc.DBAPIError):
                        connection.execute(sa.text(statement))
        finally:
            forget(warehouse)


def forget(warehouse: Warehouse) -> None:
    """Roles belong to the whole server."""
    with warehouse.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text(f"drop owned by {NAME}"))
            connection.execute(sa.text(f"drop role {NAME}"))
        else:
            connection.execute(sa.text(f"drop user '{NAME}'@'%'"))


def test_sqlite_and_odd_names_are_refused_in_one_line(sqlite_warehouse: Warehouse) -> None:
    for name in ("", "Bi", "bi-reader", "bi'; drop table x; --", "b" * 32):
        with pytest.raises(bi_role.RoleProblem, match="is not a name for a role"):
            bi_role.make(sqlite_warehouse, name)
    with pytest.raises(bi_role.RoleProblem, match="SQLite has no roles"):
        bi_role.make(sqlite_warehouse, NAME)
