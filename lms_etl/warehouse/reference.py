"""The schema as plain SQL for people to read: sql/schema/<dialect>.sql, made from `tables`.

Nothing runs these files: `lms-etl migrate` makes the tables. `python -m lms_etl.warehouse.reference` writes them anew.
"""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable, SetColumnComment, SetTableComment

from lms_etl import statements
from lms_etl.warehouse import tables

DIALECTS: dict[str, sa.Dialect] = {
    "postgresql": postgresql.dialect(paramstyle="named"),
    "mysql": mysql.dialect(paramstyle="named"),
    "sqlite": sqlite.dialect(paramstyle="named"),
}
"""With their own style of parameters the dialects would double each percent sign."""

HEADER = "-- Made from lms_etl/warehouse/tables by `python -m lms_etl.warehouse.reference`; never edited.\n"


def ddl(dialect: str) -> str:
    """The statements that make every table, index, comment and view in the given dialect."""
    compiler = DIALECTS[dialect]
    elements: list[sa.schema.ExecutableDDLElement] = []
    for table in tables.metadata.sorted_tables:
        elements += [CreateTable(table), *map(CreateIndex, sorted(table.indexes, key=lambda index: str(index.name)))]
        if dialect == "postgresql":
            elements += [SetTableComment(table), *map(SetColumnComment, table.columns)]
    texts = [str(element.compile(dialect=compiler)).strip() for element in elements]
    texts += [view(name, compiler) for name in tables.VIEWS]
    lines = [line.rstrip() for text in texts for line in f"{text};".splitlines()]
    return HEADER + "\n".join(lines) + "\n"


def view(name: str, dialect: sa.Dialect) -> str:
    """The statement that makes the view of sql/warehouse/<name>.sql; migrations execute it too."""
    columns = ", ".join(map(dialect.identifier_preparer.quote_identifier, tables.VIEWS[name]))
    return f"create view {name} ({columns}) as\n{statements.text('warehouse/' + name).strip()}"


def write(folder: Path) -> None:
    """Writes the file of each dialect."""
    for dialect in DIALECTS:
        (folder / f"{dialect}.sql").write_text(ddl(dialect), encoding="utf-8")


if __name__ == "__main__":
    write(statements.folder() / "schema")
