"""What is bad, what is well, and what cannot be told, over tables of cases."""

from datetime import timedelta
from typing import Any

import pytest

from lms_etl.service_counts import CompanyCalls, CompanySyncs, Quota, UserCalls, mean, rate
from lms_etl.service_levels import (
    Judgement,
    Levels,
    health,
    health_score,
    judge_addresses,
    judge_calls,
    judge_quotas,
    judge_syncs,
    judge_users,
)
from lms_etl_tests.service_rows import NOW

HOUR = timedelta(hours=1)
LEVELS = Levels()
GOOD_SYNCS = {"newest": "success", "ended": "success", "last_success": NOW - HOUR, "syncs": 24}
GOOD_CALLS = {"calls": 20, "answered": 20, "refused": 0, "milliseconds": 2000, "records": 1, "asked": 20, "hits": 14}


def bad(judgements: list[Judgement]) -> list[str]:
    return [each.kind for each in judgements if each.verdict == "bad"]


def unknown(judgements: list[Judgement]) -> list[str]:
    return [each.kind for each in judgements if each.verdict == "unknown"]


@pytest.mark.parametrize(
    ("syncs", "found", "open_ones"),
    [
        ({}, [], []),
        ({"ended": "failed", "ended_error": "x"}, ["progress_failed"], []),
        ({"last_success": NOW - 2 * HOUR}, [], []),
        ({"last_success": NOW - 2 * HOUR - timedelta(seconds=1)}, ["progress_late"], []),
        ({"ended": None, "last_success": None, "known_since": NOW - HOUR, "syncs": 0}, [], ["progress_failed"]),
        ({"newest": "postponed", "ended": None, "last_success": None, "syncs": 0}, ["progress_late"],
         ["progress_failed"]),
        ({"newest": None, "ended": None, "last_success": None, "syncs": 0}, [], ["progress_failed"]),
        ({"failed": 1, "syncs": 20}, [], []),
        ({"failed": 2, "syncs": 24}, ["progress_errors"], []),
        ({"failed": 19, "syncs": 19}, [], ["progress_errors"]),
        ({"ended": "failed", "last_success": NOW - 9 * HOUR, "failed": 9}, ["progress_failed"],
         ["progress_late", "progress_errors"]),
        ({"enabled": False, "ended": "failed", "last_success": NOW - 9 * HOUR, "failed": 9}, [], []),
    ],
)  # fmt: skip
def test_syncs_of_a_company_are_judged(syncs: dict[str, Any], found: list[str], open_ones: list[str]) -> None:
    usual = {"companyid": 1, "name": "acme", "enabled": True, "known_since": NOW - 100 * HOUR}
    judged = judge_syncs([CompanySyncs(**usual | GOOD_SYNCS | syncs)], NOW, LEVELS)
    assert (bad(judged), unknown(judged)) == (found, open_ones)


@pytest.mark.parametrize(
    ("calls", "found", "open_ones"),
    [
        ({}, [], []),
        ({"milliseconds": 20 * 5000}, [], []),
        ({"milliseconds": 20 * 5000 + 1}, ["api_slow"], []),
        ({"answered": 19}, [], []),
        ({"answered": 18}, ["api_failing"], []),
        ({"calls": 40, "refused": 20}, [], []),
        ({"hits": 13}, ["cache_cold"], []),
        ({"asked": 19, "hits": 0}, [], ["cache_cold"]),
        ({"asked": 0, "hits": 0}, [], ["cache_cold"]),
        ({"calls": 19, "answered": 0, "milliseconds": 1e9}, [], ["api_slow", "api_failing"]),
    ],
)
def test_calls_of_a_company_are_judged_from_enough_of_them(
    calls: dict[str, Any], found: list[str], open_ones: list[str]
) -> None:
    judged = judge_calls([CompanyCalls(companyid=1, name="acme", **GOOD_CALLS | calls)], LEVELS)
    assert (bad(judged), unknown(judged)) == (found, open_ones)


@pytest.mark.parametrize(
    ("used", "refused", "limit", "state", "found"),
    [
        (79, 0, 100, "ok", []),
        (80, 0, 100, "warning", ["quota_nearly_used"]),
        (100, 0, 100, "exceeded", ["quota_nearly_used"]),
        (100, 1, 100, "exceeded", ["quota_exceeded"]),
        (5000, 0, None, "unlimited", []),
        (5000, 0, 0, "unlimited", []),
        (4, 0, 5, "warning", ["quota_nearly_used"]),
    ],
)
def test_a_quota_warns_from_80_percent_and_is_exceeded_by_the_first_refusal(
    used: int, refused: int, limit: int | None, state: str, found: list[str]
) -> None:
    quota = Quota(1, "acme", "2026-03-23", used, refused, limit)
    assert quota.state == state
    assert bad(judge_quotas([quota])) == found


@pytest.mark.parametrize(
    ("calls", "addresses", "companies", "found"),
    [
        (200, 4, 3, []),
        (201, 4, 3, ["many_calls"]),
        (1, 5, 3, ["many_addresses"]),
        (1, 1, 4, ["many_companies"]),
    ],
)
def test_unusual_use_is_judged_by_user(calls: int, addresses: int, companies: int, found: list[str]) -> None:
    assert bad(judge_users([UserCalls("ana", calls, addresses, companies)], LEVELS)) == found


def test_ten_failed_authentications_of_one_address_are_bad() -> None:
    judged = judge_addresses([("192.0.2.7", 10), ("192.0.2.8", 9)], LEVELS)
    assert [each.verdict for each in judged] == ["bad", "well"]


@pytest.mark.parametrize(
    ("issues", "warnings", "score"), [(0, 0, 100), (1, 0, 80), (0, 1, 90), (2, 3, 30), (4, 2, 0), (9, 9, 0)]
)
def test_the_health_score_loses_20_for_an_issue_and_10_for_a_warning(issues: int, warnings: int, score: int) -> None:
    assert health_score(issues, warnings) == score


def test_many_subjects_of_one_kind_cost_the_score_once() -> None:
    kinds = [("progress_failed", "1"), ("progress_failed", "2"), ("cache_cold", "1"), ("many_calls", "ana")]
    assert health(Judgement(kind, key, key, "bad") for kind, key in kinds) == (60, 1, 2)


def test_nothing_has_no_rate_and_no_mean() -> None:
    assert (rate(0, 0), mean(0, 0)) == (None, None)
    assert (rate(1, 4), mean(10, 4)) == (0.25, 2.5)
