"""The SQL that is sent to Moodle: what each file says of itself, how it is rendered, and which index it uses.

`UPDATE_SNAPSHOTS=1 pytest lms_etl_tests/test_statements.py` writes the rendered statements anew; review the difference.
"""

import ast
import os
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

import lms_etl
from lms_etl import statements
from lms_etl_tests.site import Site

NAMES = sorted(file.stem for file in (statements.folder() / "moodle").glob("*.sql"))
SNAPSHOTS = Path(__file__).parent / "snapshots"
DIALECTS = {
    "mysql": mysql.dialect(paramstyle="pyformat"),
    "postgresql": postgresql.dialect(paramstyle="pyformat"),
    "sqlite": sqlite.dialect(paramstyle="qmark"),
}
LISTS = {
    "numbers": ("student_ids", "teacher_ids", "user_ids", "pair_ids"),
    "words": ("student_archetypes", "teacher_archetypes"),
}
GIVEN = ("members", "offered", "states")
"""Tables that other files select; see `statements.statement`."""


def without_comments(text: str) -> str:
    return "\n".join(line.split("--")[0] for line in text.splitlines())


def test_there_are_statements_to_look_at() -> None:
    assert {"activity_counts", "user_counts", "courses"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_file_opens_with_what_one_row_is(name: str) -> None:
    assert statements.text(f"moodle/{name}").startswith("-- One row")


@pytest.mark.parametrize("name", NAMES)
def test_every_table_is_written_in_braces_and_gets_the_prefix(name: str) -> None:
    raw = (statements.folder() / "moodle" / f"{name}.sql").read_text(encoding="utf-8")
    tables = re.findall(r"\b(?:from|join)\s+(\S+)", without_comments(raw))
    assert tables
    tables = [table for table in tables if table not in ("(", *GIVEN)]
    assert all(re.fullmatch(r"\{[a-z_]+\}", table) for table in tables), tables
    rendered = statements.text(f"moodle/{name}", "m45_")
    assert [table.strip("{}") for table in tables] == re.findall(
        r"\b(?:from|join)\s+m45_(\S+)", without_comments(rendered)
    )
    assert not set("{}") & set(rendered)


@pytest.mark.parametrize("prefix", ["mdl_'", "mdl_;", "mdl-", "mdl_ ", "ä_", "mdl_\n", "a" * 21])
def test_a_prefix_that_could_change_the_statement_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="cannot be a table prefix"):
        statements.text("moodle/courses", prefix)


@pytest.mark.parametrize("name", NAMES)
def test_time_is_compared_to_constants_with_no_function_on_the_column(name: str) -> None:
    text = without_comments(statements.text(f"moodle/{name}"))
    conditions = re.split(r"\b(?:group|order) by\b", text.split("where", 1)[1])[0] if "where" in text else ""
    compared = re.findall(r"^(?:where|\s+and)?\s*(.*timecreated.*)$", conditions, re.MULTILINE)
    for condition in compared:
        assert re.fullmatch(r"l\.timecreated (>=|<) :[a-z_]+", condition.removeprefix("and ").strip()), condition


@pytest.mark.parametrize("name", NAMES)
def test_no_value_is_written_into_a_statement(name: str) -> None:
    text = without_comments(statements.text(f"moodle/{name}"))
    assert not re.search(r"roleid\s*(=|in)|%\(|\bformat\b", text)


def test_only_one_module_reads_sql_files() -> None:
    openers = set()
    for file in Path(lms_etl.__file__).parent.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        docstrings = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        openers |= {
            file.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.search(r"\.sql\b", node.value)
            and id(node) not in docstrings
        }
    assert openers == {"statements.py", "reference.py"}, (
        "reference.py writes the files of sql/schema for people to read"
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rendered_statements_are_the_reviewed_ones(dialect: str) -> None:
    rendered = "\n".join(f"-- {name}.sql\n{render(name, dialect)}" for name in NAMES)
    reviewed = SNAPSHOTS / f"moodle.{dialect}.sql"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        reviewed.parent.mkdir(exist_ok=True)
        reviewed.write_text(rendered, encoding="utf-8")
    assert reviewed.read_text(encoding="utf-8") == rendered, (
        "The SQL sent to Moodle changed. If you meant it: UPDATE_SNAPSHOTS=1 pytest lms_etl_tests/test_statements.py"
    )


def render(name: str, dialect: str) -> str:
    """The statement as the driver gets it, its lists holding two ids and no archetype."""
    text = statements.text(f"moodle/{name}", "mdl_")
    parameters = set(re.findall(r":(\w+)", without_comments(text)))
    lists = {kind: tuple(sorted(parameters & set(names))) for kind, names in LISTS.items()}
    statement = statements.statement(f"moodle/{name}", "mdl_", **lists)
    values: dict[str, Any] = dict.fromkeys(parameters, 0)
    values |= {each: [3, 4] for each in lists["numbers"]} | {each: [] for each in lists["words"]}
    statement = statement.bindparams(**values)
    return str(statement.compile(dialect=DIALECTS[dialect], compile_kwargs={"render_postcompile": True}))


@pytest.fixture
def busy(database_url: str) -> Site:
    """A site with 40 days of 200 log rows."""
    site = Site(database_url)
    course = site.course("ALG")
    for number in range(40):
        site.view(course, at=site.seconds("2026-03-01 12:00") + number * 86_400, times=200)
    return site


DAY = {"any_target": 1, "any_object": 1}
EXPLAIN = {
    "sqlite": ("", "explain query plan "),
    "mysql": ("analyze table {}", "explain "),
    "postgresql": ("analyze {}", "explain "),
}


@pytest.mark.parametrize("name", ["activity_counts", "views_by_component", "day_bounds", "day_blocks"])
def test_the_day_is_found_by_an_index(name: str, busy: Site) -> None:
    prepare, explain = EXPLAIN[busy.engine.dialect.name]
    day = busy.day("2026-03-20")
    window = {"day_start": day.start, "day_end": day.end, "first_id": 3801, "last_id": 4000, **DAY}
    window |= {"other_first_id": 1, "other_last_id": 0}
    statement = sa.text(explain + without_comments(statements.text(f"moodle/{name}", "mdl_")))
    with busy.engine.connect() as connection:
        if prepare:
            connection.exec_driver_sql(prepare.format("mdl_logstore_standard_log"))
        rows = connection.execute(statement, {key: window[key] for key in statement._bindparams}).mappings().all()
    busy.close()
    plan = " ".join(str(value) for row in rows for value in row.values())
    if busy.engine.dialect.name == "mysql":
        assert [row["type"] for row in rows] == ["range"], plan
        assert rows[0]["key"] in {"PRIMARY", "mdl_logsstanlog_tim_ix"}, plan
        assert int(rows[0]["rows"]) <= 400, plan
    elif busy.engine.dialect.name == "postgresql":
        assert re.search(r"Index (Only )?Scan (using|on) \S*(pkey|tim_ix)", plan), plan
        assert "Seq Scan" not in plan
    else:
        assert re.search(r"SEARCH l USING (INTEGER PRIMARY KEY|(COVERING )?INDEX mdl_logsstanlog_tim_ix)", plan), plan
        assert "SCAN l" not in plan
