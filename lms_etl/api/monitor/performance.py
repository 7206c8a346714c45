"""What the Performance tab shows: the calls of the last 24 hours, hour by hour and company by company."""

from datetime import UTC, datetime
from typing import Any

from lms_etl.api.monitor.charts import Bar, bars
from lms_etl.api.monitor.spans import last_hours
from lms_etl.api.monitor.words import milliseconds
from lms_etl.service_counts import CompanyCalls, Quota, mean, rate
from lms_etl.warehouse import call_log
from lms_etl.warehouse.call_log import Counts
from lms_etl.warehouse.warehouse import Warehouse

HOURS = 24
CONSUMERS = 10


def shown(warehouse: Warehouse, now: datetime) -> dict[str, Any]:
    """Everything on the tab, as the template names it; `now` is aware."""
    settings = warehouse.settings
    starts = last_hours(now, HOURS)
    with warehouse.reading() as connection:
        hours = call_log.by_hour(connection, starts[0], HOURS)
        busiest = call_log.by_company(connection, starts[0], CONSUMERS)
        quotas = {each.companyid: each for each in call_log.quotas(connection, now.astimezone(settings.zone).date())}
    total = Counts(*(sum(each) for each in zip(*hours, strict=True)))
    labels = [datetime.fromtimestamp(start, tz=UTC).astimezone(settings.zone) for start in starts]
    return {
        "total": total,
        "mean": mean(total.milliseconds, total.judged),
        "success": rate(total.answered, total.judged),
        "hit_rate": rate(total.hits, total.asked),
        "hours": [
            (label, each, mean(each.milliseconds, each.judged)) for label, each in zip(labels, hours, strict=True)
        ],
        "time_chart": _time_chart(labels, hours),
        "calls_chart": _calls_chart(labels, hours),
        "consumers": [_consumer(each, quotas.get(each.companyid or 0), total.calls) for each in busiest],
        "enough": settings.api_min_calls,
        "slow": settings.api_slow_seconds * 1000,
        "least_success": settings.api_min_success_rate,
        "least_hits": settings.api_min_cache_hit_rate,
    }


def _consumer(company: CompanyCalls, quota: Quota | None, all_calls: int) -> dict[str, Any]:
    judged = company.answered + company.failed
    return {
        "company": company,
        "share": rate(company.calls, all_calls),
        "mean": mean(company.milliseconds, judged),
        "success": rate(company.answered, judged),
        "hit_rate": rate(company.hits, company.asked),
        "quota": quota,
    }


def _time_chart(labels: list[datetime], hours: list[Counts]) -> Any:
    means = [mean(each.milliseconds, each.judged) for each in hours]
    parts = [
        Bar(value, f"{label:%H:%M}: {milliseconds(value)} on average over {each.judged} calls")
        for label, value, each in zip(labels, means, hours, strict=True)
    ]
    known = [value for value in means if value is not None]
    title = "Mean response by hour"
    title += f": from {milliseconds(min(known))} to {milliseconds(max(known))}" if known else ": no calls"
    return bars(title, [f"{label:%H:%M}" for label in labels], {"time": parts}, every=4, unit=" ms")


def _calls_chart(labels: list[datetime], hours: list[Counts]) -> Any:
    series: dict[str, list[Bar]] = {"good": [], "refused": [], "bad": []}
    for label, each in zip(labels, hours, strict=True):
        says = f"{label:%H:%M}: {each.answered} answered, {each.refused} refused, {each.failed} failed"
        for name, value in (("good", each.answered), ("refused", each.refused), ("bad", each.failed)):
            series[name].append(Bar(value or None, says))
    total = Counts(*(sum(each) for each in zip(*hours, strict=True)))
    title = f"Calls by hour: {total.answered} answered, {total.refused} refused, {total.failed} failed"
    return bars(title, [f"{label:%H:%M}" for label in labels], series, every=4)
