"""The schema: migrations, the program's tables and the reference DDL in sql/schema say the same."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from lms_etl import statements
from lms_etl.warehouse import reference, schema, tables
from lms_etl.warehouse.warehouse import SchemaError, Warehouse
from lms_etl_tests.warehouse.rows import lay_tables, load, runs, views_of, warehouse_at

ALERTS = {"alerts", "alert_events", "alert_messages", "alert_deliveries"}
API = {"api_users", "api_filters", "api_tokens"}
PROGRESS = {
    "companies",
    "local_alx_api_reporting",
    "progress_syncs",
    "local_alx_api_settings",
    "local_alx_api_sync_status",
    "local_alx_api_logs",
    "company_quotas",
    "auth_attempts",
}
DOCUMENTED = {
    "activity_counts_etl",
    "user_counts_etl",
    "user_activity_etl",
    "courses",
    "etl_job_runs",
    "etl_days",
    "etl_watermarks",
    "etl_restatements",
    *ALERTS,
    *API,
    *PROGRESS,
}
DIALECTS = {"mysql": "mariadb", "postgresql": "postgresql", "sqlite": "sqlite"}
COLUMNS = [column for table in tables.metadata.sorted_tables for column in table.columns]


def table_names(warehouse: Warehouse) -> set[str]:
    """The tables in the database, without Alembic's own."""
    return set(sa.inspect(warehouse.engine).get_table_names()) - {"alembic_version"}


def scripts(warehouse: Warehouse) -> ScriptDirectory:
    """The migrations as Alembic finds them."""
    with warehouse.reading() as connection:
        return ScriptDirectory.from_config(schema.alembic_config(connection))


def test_a_migration_from_nothing_gives_exactly_the_programs_tables(empty_warehouse: Warehouse) -> None:
    assert schema.migrate(empty_warehouse) == (None, tables.SCHEMA_VERSION)
    assert table_names(empty_warehouse) == DOCUMENTED == set(tables.metadata.tables)
    with empty_warehouse.reading() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []


def test_the_databases_of_other_tests_are_laid_as_the_migrations_do(
    new_database: Callable[[str], str], warehouse: Warehouse
) -> None:
    dialect = DIALECTS[warehouse.engine.dialect.name]
    with warehouse_at(new_database(dialect)) as migrated, warehouse_at(new_database(dialect)) as laid:
        schema.migrate(migrated)
        lay_tables(laid)
        here, there = sa.inspect(laid.engine), sa.inspect(migrated.engine)
        assert here.get_view_names() == there.get_view_names() != []
        for name in here.get_table_names():
            assert str(here.get_columns(name)) == str(there.get_columns(name))
            assert str(here.get_indexes(name)) == str(there.get_indexes(name))
            assert str(here.get_unique_constraints(name)) == str(there.get_unique_constraints(name))
            assert str(here.get_foreign_keys(name)) == str(there.get_foreign_keys(name))
        with laid.reading() as connection:
            assert schema.version(connection) == tables.SCHEMA_VERSION


def test_every_table_and_column_in_the_database_has_its_comment(warehouse: Warehouse) -> None:
    inspector = sa.inspect(warehouse.engine)
    if warehouse.engine.dialect.name == "sqlite":
        assert not warehouse.engine.dialect.supports_comments
        return
    for table in tables.metadata.sorted_tables:
        assert inspector.get_table_comment(table.name)["text"] == table.comment
        found = {column["name"]: column["comment"] for column in inspector.get_columns(table.name)}
        assert found == {column.name: column.comment for column in table.columns}


@pytest.mark.parametrize("column", COLUMNS, ids=str)
def test_every_column_has_a_comment(column: sa.Column) -> None:
    assert column.comment
    assert column.table.comment


def test_a_unique_key_of_a_fact_leads_with_the_day() -> None:
    for table in tables.FACTS:
        [unique] = [each for each in table.constraints if isinstance(each, sa.UniqueConstraint)]
        assert [column.name for column in unique.columns] == ["extraction_date", tables.key_column(table)]


def test_a_second_migration_changes_nothing(warehouse: Warehouse) -> None:
    load(warehouse, {1: 10})
    assert schema.migrate(warehouse) == (tables.SCHEMA_VERSION, tables.SCHEMA_VERSION)
    assert views_of(warehouse) == {1: 10}


def test_the_version_of_the_program_is_the_newest_migration(sqlite_warehouse: Warehouse) -> None:
    assert scripts(sqlite_warehouse).get_heads() == [tables.SCHEMA_VERSION]


def test_the_schema_can_go_down_to_nothing_and_up_again(warehouse: Warehouse) -> None:
    with warehouse.engine.begin() as connection:
        command.downgrade(schema.alembic_config(connection), "base")
    assert table_names(warehouse) == set()
    assert sa.inspect(warehouse.engine).get_view_names() == []
    assert schema.migrate(warehouse) == (None, tables.SCHEMA_VERSION)
    assert table_names(warehouse) == DOCUMENTED
    assert load(warehouse, {1: 10}).inserted == 1


def test_days_loaded_before_there_were_receipts_keep_counting_as_loaded(warehouse: Warehouse) -> None:
    load(warehouse, {1: 10})
    load(warehouse, {1: 12}, rows_read=50, source_max_id=4711)
    with warehouse.engine.begin() as connection:
        first = connection.execute(sa.select(sa.func.min(tables.etl_days.c.first_completed_at))).scalar_one()
        command.downgrade(schema.alembic_config(connection), "0001")
    schema.migrate(warehouse)
    with warehouse.reading() as connection:
        [receipt] = connection.execute(sa.select(tables.etl_days)).mappings()
    newest = runs(warehouse)[-1]["id"]
    assert (receipt["run_id"], receipt["rows_read"], receipt["source_max_id"]) == (newest, 50, 4711)
    assert receipt["first_completed_at"] == first < receipt["last_completed_at"]
    assert receipt["state"] is None


def test_a_current_schema_is_accepted(warehouse: Warehouse) -> None:
    schema.require_current(warehouse)


def test_a_warehouse_without_tables_is_refused_with_the_command_that_helps(empty_warehouse: Warehouse) -> None:
    with pytest.raises(SchemaError, match=r"has no tables yet.*Run `lms-etl migrate`") as refusal:
        schema.require_current(empty_warehouse)
    assert "WAREHOUSE_DATABASE_URL" in str(refusal.value)


def test_another_version_is_refused_by_name_and_without_the_password(warehouse: Warehouse) -> None:
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '0000'"))
    warehouse.url = warehouse.url.set(password="a-secret")
    with pytest.raises(SchemaError, match=f"has schema version 0000.*needs version {tables.SCHEMA_VERSION}") as refusal:
        schema.require_current(warehouse)
    assert "`lms-etl migrate`" in str(refusal.value)
    assert "a-secret" not in str(refusal.value)


def test_two_migrations_at_once_both_end_well(empty_warehouse: Warehouse, database_url: str) -> None:
    together = Barrier(2)

    def migrate(_number: int) -> tuple[str | None, str]:
        with warehouse_at(database_url) as own:
            together.wait(10)
            return schema.migrate(own)

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(migrate, range(2)))
    assert sorted(ended, key=str) == [(tables.SCHEMA_VERSION,) * 2, (None, tables.SCHEMA_VERSION)]
    assert table_names(empty_warehouse) == DOCUMENTED


@pytest.mark.parametrize("dialect", reference.DIALECTS)
def test_the_reference_ddl_is_current(dialect: str) -> None:
    file = statements.folder() / "schema" / f"{dialect}.sql"
    advice = f"{file} is not what the tables say. Write it anew with `python -m lms_etl.warehouse.reference`."
    assert file.exists(), advice
    assert file.read_text(encoding="utf-8") == reference.ddl(dialect), advice


def test_the_reference_ddl_makes_the_tables_the_program_needs(empty_warehouse: Warehouse) -> None:
    with empty_warehouse.engine.begin() as connection:
        for statement in reference.ddl(connection.dialect.name).split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement.replace("%", "%%"))
    with empty_warehouse.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
        assert connection.execute(sa.text("select count(*) from log_scheduler")).scalar() == 0
    assert load(empty_warehouse, {1: 10}).inserted == 1


def test_writing_the_reference_ddl_writes_one_file_for_each_dialect(tmp_path: Path) -> None:
    reference.write(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mysql.sql", "postgresql.sql", "sqlite.sql"]
    assert (tmp_path / "mysql.sql").read_text(encoding="utf-8") == reference.ddl("mysql")
