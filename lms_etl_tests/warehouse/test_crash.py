"""A process killed at any moment of a load leaves the old day or the new day, and a registry that agrees."""

import json
from collections import Counter
from typing import Any

import pytest

from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.warehouse import doomed


@pytest.fixture
def crashes(warehouse: Warehouse, database_url: str) -> list[dict[str, Any]]:
    """What a load left that was killed at each of its moments, one after the other."""
    with doomed.start("crash", database_url) as process:
        output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.long
def test_a_killed_load_leaves_the_old_day_or_the_new_one_and_runs_again(crashes: list[dict[str, Any]]) -> None:
    for crash in crashes:
        left, afterwards = crash["left"], crash["afterwards"]
        assert left["day"] in {"old", "new"}, crash
        assert left["runs"].count("SUCCESS") == {"old": 1, "new": 2}[left["day"]], crash
        assert afterwards["day"] == "new", crash
        assert afterwards["runs"][-1] == "SUCCESS", crash
        assert set(afterwards["runs"]) <= {"SUCCESS", "FAILED"}, crash

    deaths = Counter(crash["moment"] for crash in crashes if crash["died"])
    survivors = [crash for crash in crashes if not crash["died"]]
    assert [survivor["moment"] for survivor in survivors] == list(doomed.MOMENTS), "no moment was left out"
    assert {survivor["left"]["day"] for survivor in survivors} == {"new"}
    assert deaths["before a statement"] >= 6
    assert deaths["before a commit"] == deaths["after a commit"] >= 2
    assert deaths["before a batch"] == deaths["after a batch"] == 2
    assert deaths["within a batch"] >= 2
    assert {crash["left"]["day"] for crash in crashes if crash["died"]} == {"old", "new"}
    assert not [
        crash for crash in crashes if crash["died"] and "batch" in crash["moment"] and crash["left"]["day"] == "new"
    ]
