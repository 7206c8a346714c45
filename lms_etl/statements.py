"""Loads a named file of sql/ and binds it; nobody else opens .sql files.

Tables of Moodle are written as Moodle itself does, in braces without their prefix: `{course}` is `mdl_course`.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

_TABLE = re.compile(r"\{([a-z_]+)\}")
_PREFIX = re.compile(r"[A-Za-z0-9_]{0,20}")


def folder() -> Path:
    """Where the SQL files are: inside the installed package, or beside it in a checkout."""
    inside = Path(__file__).parent / "sql"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "sql"


@cache
def text(name: str, prefix: str = "") -> str:
    """The text of `sql/<name>.sql` with `{table}` replaced by prefix + table."""
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"'{prefix}' cannot be a table prefix: letters, digits and underscores only")
    return _TABLE.sub(lambda table: prefix + table[1], (folder() / f"{name}.sql").read_text(encoding="utf-8"))


@cache
def statement(
    name: str,
    prefix: str = "",
    *,
    numbers: tuple[str, ...] = (),
    words: tuple[str, ...] = (),
    packed: tuple[str, ...] = (),
    given: tuple[tuple[str, str], ...] = (),
) -> sa.TextClause:
    """`sql/<name>.sql` ready to execute; parameters named in `numbers` or `words` take a list of them (`in :ids`).

    With `packed`, names of columns that are whole numbers, a row comes as one text, `7 0 3 12`: PyMySQL takes as long
    for each value as for a short text, which made it a fifth of a backfill.
    `given` are tables that the statement names and other files select: `(("members", "moodle/company_members_site"),)`.
    """
    # Typed, because an empty list has to tell PostgreSQL what it is a list of.
    types: list[tuple[str, sa.types.TypeEngine[Any]]] = [(each, sa.BigInteger()) for each in numbers]
    types += [(each, sa.String()) for each in words]
    written = text(name, prefix)
    if packed:
        written = f"select concat_ws(' ', {', '.join(packed)}) as packed from (\n{written}) unpacked"
    if given:
        selected = ",\n".join(f"{table} as (\n{text(file, prefix)})" for table, file in given)
        written = f"with {selected}\n{written}"
    return sa.text(written).bindparams(*(sa.bindparam(each, expanding=True, type_=kind) for each, kind in types))
