"""What course progress and its API have to keep to: numbers of recorded syncs and calls in, judgements out. Pure.

The monitor page shows what the alerts tell, since both ask here. A judgement is `bad`, `well`, or `unknown` where too
little was seen to tell; what is unknown neither raises nor ends an alert.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from lms_etl.service_counts import CompanyCalls, CompanySyncs, Quota, UserCalls, mean, rate

Verdict = Literal["bad", "well", "unknown"]
ISSUES = frozenset(
    {
        "progress_failed",
        "progress_late",
        "api_slow",
        "api_failing",
        "quota_exceeded",
        "auth_failures",
        "many_addresses",
        "many_companies",
        "day_missed",
    }
)
"""Kinds that cost the health score 20 points; every other one is a warning and costs 10."""


@dataclass(frozen=True)
class Levels:
    """The thresholds, as the settings have them. Shares are from 0 to 1."""

    hours_without_sync: float = 2
    error_rate: float = 0.05
    error_rate_runs: int = 20
    slow_seconds: float = 5
    success_rate: float = 0.95
    cache_hit_rate: float = 0.70
    min_calls: int = 20
    failures_per_address: int = 10
    addresses_per_user: int = 5
    companies_per_user: int = 3
    calls_per_user: int = 200


@dataclass(frozen=True)
class Judgement:
    """One sentence about one subject. `key` names the subject in few characters; `title` says what is bad."""

    kind: str
    key: str
    subject: str
    verdict: Verdict
    title: str = ""
    detail: str = ""
    since: datetime | None = None
    """When it turned bad, where that is known."""


def judge_syncs(companies: Iterable[CompanySyncs], now: datetime, levels: Levels) -> list[Judgement]:
    """Per company: its newest sync did not fail, one succeeded in time, few fail. The first that is bad is told.

    A company that is switched off is not judged: its open alerts end.
    """
    found = []
    for company in companies:
        said = (
            ("progress_failed", _failed(company), company.ended_at),
            ("progress_late", _late(company, now, levels), None),
            ("progress_errors", _errors(company, levels), None),
        )
        told = False
        for kind, (verdict, title, detail), since in said:
            shown = verdict if company.enabled else "well"
            if told and shown == "bad":
                shown = "unknown"  # One trouble, one alert: a company whose sync fails is soon late too.
            subject = f"company {company.name}"
            found.append(Judgement(kind, str(company.companyid), subject, shown, title, detail, since))
            told = told or shown == "bad"
    return found


Said = tuple[Verdict, str, str]
"""Verdict, title, detail."""


def _failed(company: CompanySyncs) -> Said:
    if company.ended is None:
        return "unknown", "", ""
    if company.ended != "failed":
        return "well", "", ""
    return "bad", f"The sync of {company.name} failed", company.ended_error or "It says no reason."


def _late(company: CompanySyncs, now: datetime, levels: Levels) -> Said:
    if company.newest is None and company.last_success is None:
        return "well", "", ""  # it was not set up: nobody has tried
    since = company.last_success or company.known_since
    if now - since <= timedelta(hours=levels.hours_without_sync):
        return "well", "", ""
    hours = (now - since).total_seconds() / 3600
    what = "The last success is" if company.last_success else "It never succeeded, and is known for"
    detail = (
        f"{what} {hours:.1f} hours{' ago' if company.last_success else ''}; {levels.hours_without_sync:g} may pass."
    )
    return "bad", f"{company.name} was not synced in time", detail


def _errors(company: CompanySyncs, levels: Levels) -> Said:
    if company.syncs < levels.error_rate_runs:
        return ("unknown" if company.failed else "well"), "", ""
    if company.failed <= levels.error_rate * company.syncs:
        return "well", "", ""
    detail = f"{company.failed} of {company.syncs} failed lately; {levels.error_rate:.0%} may."
    return "bad", f"Many syncs of {company.name} fail", detail


def judge_calls(companies: Iterable[CompanyCalls], levels: Levels) -> list[Judgement]:
    """Per company: mean response, success rate, cache hit rate; each only from enough calls."""
    found = []
    for company in companies:
        judged = company.answered + company.failed
        slow = mean(company.milliseconds / 1000, judged)
        success, hits = rate(company.answered, judged), rate(company.hits, company.asked)
        enough = judged >= levels.min_calls
        found += [
            _judged(company, "api_slow", enough and slow is not None and slow > levels.slow_seconds, enough,
                    f"Answers to {company.name} are slow",
                    f"{slow or 0:.1f} s on average over {judged} calls; {levels.slow_seconds:g} s may be."),
            _judged(company, "api_failing", enough and success is not None and success < levels.success_rate, enough,
                    f"Calls of {company.name} fail",
                    f"{company.failed} of {judged} calls failed: success {success or 0:.1%}, "
                    f"{levels.success_rate:.0%} is the least."),
            _judged(company, "cache_cold", hits is not None and hits < levels.cache_hit_rate,
                    company.asked >= levels.min_calls, f"The cache rarely helps {company.name}",
                    f"{company.hits} of {company.asked} calls were hits: {hits or 0:.0%}, "
                    f"{levels.cache_hit_rate:.0%} is the least."),
        ]  # fmt: skip
    return found


def _judged(company: CompanyCalls, kind: str, bad: bool, enough: bool, title: str, detail: str) -> Judgement:
    verdict: Verdict = "unknown" if not enough else "bad" if bad else "well"
    return Judgement(kind, str(company.companyid), f"company {company.name}", verdict, title, detail)


def judge_quotas(quotas: Iterable[Quota]) -> list[Judgement]:
    """Quotas of today that refused a call, and those of which 80 percent are used."""
    found = []
    for quota in quotas:
        used = f"{quota.used} of {quota.limit or 'unlimited'} calls are used, {quota.refused} were refused."
        subject = f"company {quota.name} {quota.day}"
        key = f"{quota.companyid} {quota.day}"
        over: Verdict = "bad" if quota.refused else "well"
        found.append(
            Judgement("quota_exceeded", key, subject, over, f"{quota.name} has used up its quota of {quota.day}", used)
        )
        near: Verdict = "bad" if quota.state != "ok" and quota.limit and not quota.refused else "well"
        title = f"{quota.name} has nearly used up its quota of {quota.day}"
        found.append(Judgement("quota_nearly_used", key, subject, near, title, used))
    return found


def judge_addresses(failures: Iterable[tuple[str, int]], levels: Levels) -> list[Judgement]:
    """Addresses with many failed authentications in an hour."""
    return [
        Judgement(
            "auth_failures",
            address,
            f"address {address}",
            "bad" if count >= levels.failures_per_address else "well",
            f"Failed authentications from {address}",
            f"{count} in an hour; {levels.failures_per_address} are told.",
        )
        for address, count in failures
    ]


def judge_users(users: Iterable[UserCalls], levels: Levels) -> list[Judgement]:
    """Users that act from many addresses, for many companies, or very often in an hour."""
    found = []
    for user in users:
        limits = (
            ("many_addresses", user.addresses >= levels.addresses_per_user, f"{user.addresses} addresses in an hour"),
            ("many_companies", user.companies > levels.companies_per_user, f"{user.companies} companies in an hour"),
            ("many_calls", user.calls > levels.calls_per_user, f"{user.calls} calls in an hour"),
        )
        for kind, bad, what in limits:
            verdict: Verdict = "bad" if bad else "well"
            title = f"Unusual use by {user.username}: {what}"
            found.append(Judgement(kind, user.username, f"user {user.username}", verdict, title, f"{what}."))
    return found


def health_score(issues: int, warnings: int) -> int:
    """100 without 20 for each issue and 10 for each warning, never below 0."""
    return max(0, 100 - 20 * issues - 10 * warnings)


def health(judgements: Iterable[Judgement]) -> tuple[int, int, int]:
    """Score, issues and warnings: each kind counts once, however many subjects it has."""
    kinds = {each.kind for each in judgements if each.verdict == "bad"}
    issues = len(kinds & ISSUES)
    return health_score(issues, len(kinds) - issues), issues, len(kinds) - issues
