"""Tokens and users: what is kept, how they are compared, and the commands that make, list and revoke them."""

import hmac
import os
import re
import subprocess
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from lms_etl.api import tokens, users
from lms_etl.cli import app
from lms_etl.warehouse import registry, schema, tables
from lms_etl.warehouse.company_settings import stored_values
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests import warm
from lms_etl_tests.api.conftest import Api
from lms_etl_tests.api.progress import company
from lms_etl_tests.warehouse.conftest import empty_warehouse, sqlite_warehouse, warehouse
from lms_etl_tests.warehouse.rows import stored  # noqa: F401

__all__ = ["empty_warehouse", "sqlite_warehouse", "warehouse"]


def make(warehouse: Warehouse, name: str = "ana", **more: Any) -> str:
    with warehouse.writing() as connection:
        users.set_privilege(connection, name, "reader", directorates=[1])
        return tokens.create(connection, name, more.pop("expires_at", None), **more)


def test_no_table_holds_the_token_itself(warehouse: Warehouse) -> None:
    token = make(warehouse)
    assert tokens.SHAPE.fullmatch(token)
    with warehouse.reading() as connection:
        held = [
            str(value)
            for table in tables.metadata.sorted_tables
            for row in connection.execute(sa.select(table))
            for value in row
        ]
    assert not [value for value in held if token[tokens.PREFIX :] in value]
    assert tokens.hash_of(token) in held


def test_there_is_no_token_and_no_user_after_a_migration(warehouse: Warehouse) -> None:
    with warehouse.reading() as connection:
        assert tokens.listed(connection) == users.listed(connection) == []


def test_hashes_are_compared_in_constant_time(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    token = make(warehouse)
    compared: list[tuple[str, str]] = []

    def watched(one: str, other: str) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr("lms_etl.api.tokens.hmac", type("Watched", (), {"compare_digest": staticmethod(watched)}))
    with warehouse.reading() as connection:
        assert tokens.find(connection, token)[1] == "ana"
        with pytest.raises(tokens.BadToken):
            tokens.find(connection, f"lms_{'0' * 8}_{'A' * 43}")
    assert len(compared) == 2


def test_two_tokens_with_one_prefix_are_told_apart(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lms_etl.api.tokens.secrets.token_hex", lambda _: "0badcafe")
    ana, ben = make(warehouse, "ana"), make(warehouse, "ben")
    with warehouse.reading() as connection:
        assert [tokens.find(connection, token)[1] for token in (ana, ben)] == ["ana", "ben"]


@pytest.mark.parametrize("token", ["", "lms_", "x", "lms_0badcafe_short", "lms_0BADCAFE_" + "A" * 43, "' or 1=1 --"])
def test_what_has_not_the_shape_of_a_token_is_refused(sqlite_warehouse: Warehouse, token: str) -> None:
    with sqlite_warehouse.reading() as connection, pytest.raises(tokens.BadToken):
        tokens.find(connection, token)


def test_a_token_ends_at_its_expiry_and_by_revocation(warehouse: Warehouse) -> None:
    now = registry.utc_now()
    late = make(warehouse, expires_at=now + timedelta(hours=1))
    over = make(warehouse, expires_at=now - timedelta(seconds=1))
    with warehouse.writing() as connection:
        assert tokens.find(connection, late)[1] == "ana"
        with pytest.raises(tokens.BadToken, match="expired"):
            tokens.find(connection, over)
        tokens.revoke(connection, late[: tokens.PREFIX])
        with pytest.raises(tokens.BadToken, match="revoked"):
            tokens.find(connection, late)


def test_when_a_token_was_last_used_is_noted(api: Api) -> None:
    api.get("status", "unit-20")
    api.app.state.access.note_last_used()
    with api.warehouse.reading() as connection:
        used = {row["username"]: row["last_used_at"] for row in tokens.listed(connection)}
    assert used["unit-20"] is not None
    assert used["directorate-1"] is None


@pytest.mark.parametrize("name", ["", "a b", "-x", "a" * 101, "x'y", "ana\n"])
def test_a_username_is_plain(sqlite_warehouse: Warehouse, name: str) -> None:
    with sqlite_warehouse.writing() as connection, pytest.raises(users.UserProblem):
        users.set_privilege(connection, name, "reader")


def command(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`lms-etl` in a process of its own."""
    return warm.run(words, os.environ | {"WAREHOUSE_DATABASE_URL": url, "COLUMNS": "200", "NO_COLOR": "1"})


def test_the_commands_make_list_and_revoke(sqlite_warehouse: Warehouse) -> None:
    url = sqlite_warehouse.settings.warehouse_database_url
    schema.migrate(sqlite_warehouse)
    missing = command(url, "token", "create", "ana")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "lms-etl user set" in missing.stderr
    assert (
        "reader of directorate 1, unit 20"
        in command(url, "user", "set", "ana", "--directorate", "1", "--unit", "20").stdout
    )
    made = command(url, "token", "create", "ana", "--days", "30", "--note", "Power BI")
    token = made.stdout.strip()
    assert tokens.SHAPE.fullmatch(token)
    assert "cannot be shown again" in made.stderr
    listed = command(url, "token", "list").stdout
    assert token[: tokens.PREFIX] in listed
    assert "Power BI" in listed
    assert token not in listed
    assert re.search(r"ana\s+reader\s+1\s+directorate 1, unit 20", command(url, "user", "list").stdout)
    revoked = command(url, "token", "revoke", token[: tokens.PREFIX])
    assert revoked.stdout.strip() == f"Token {token[: tokens.PREFIX]} is revoked."
    assert command(url, "token", "revoke", token[: tokens.PREFIX]).returncode == 1
    assert "is disabled; 0 tokens" in command(url, "user", "disable", "ana").stdout
    assert command(url, "token", "create", "ana").returncode == 1
    both = command(url, "user", "set", "ben", "--admin", "--unit", "3")
    assert (both.returncode, len(both.stderr.strip().splitlines())) == (1, 1)


def test_the_commands_of_companies_change_their_settings(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lms_etl.settings.current", lambda: sqlite_warehouse.settings)
    monkeypatch.setenv("COLUMNS", "200")
    company(sqlite_warehouse, 3, 4)

    def told(*words: str) -> str:
        result = CliRunner().invoke(app, words)
        return result.output or str(result.exception)

    assert "2 settings changed" in told("company", "set", "3", "rate_limit=500", "field_email=0")
    assert "it takes 1 to 168" in told("company", "set", "3", "rate_limit=9", "sync_window_hours=500")
    assert "is not NAME=VALUE" in told("company", "set", "3", "rate_limit")
    assert "2 changed" in told("company", "copy", "3", "4")
    told("company", "set", "4", "rate_limit=")
    with sqlite_warehouse.reading() as connection:
        assert stored_values(connection, 3) == {"rate_limit": 500, "field_email": 0}
        assert stored_values(connection, 4) == {"field_email": 0}
    assert "sync_window_hours" in told("company", "list", "--settings")
    assert "reader of company 3" in told("user", "set", "bi", "--company", "3")
    with sqlite_warehouse.reading() as connection:
        assert users.privilege_of(connection, "bi").companies == {3}


def test_a_wrong_setting_of_a_company_is_told_in_one_line(sqlite_warehouse: Warehouse) -> None:
    wrong = command(sqlite_warehouse.settings.warehouse_database_url, "company", "set", "3", "sync_mode=1")
    assert (wrong.returncode, wrong.stderr.strip()) == (
        1,
        "Error: There is no company 3; `lms-etl company list` lists them.",
    )
