"""What people read: one subject line and one short body for each message. Pure."""

from dataclasses import dataclass
from datetime import date, datetime

ADVICE = {
    "run_failed": "See what the error means in docs/operations.md, mend it, and load the day again: "
    "`lms-etl backfill --from DAY --to DAY --force`.",
    "run_refused": "Nothing, if that was meant; else see what the refusal means in docs/operations.md.",
    "check_failed": "Compare the numbers it names with Moodle; load the day again with "
    "`lms-etl backfill --from DAY --to DAY --force`.",
    "check_warned": "Look whether the site had a reason (holiday, exam); if not, load the day again.",
    "day_missed": "Load it late: `lms-etl backfill --from DAY --to DAY`. It is then marked late.",
    "tick_failed": "Open it under Automation in the Dagster UI; it tries again by itself.",
    "stale_run": "Nothing to clean up; load the day again: `lms-etl backfill --from DAY --to DAY`.",
    "database_down": "Check that the server runs and takes our user: `lms-etl doctor` says what it sees.",
    "progress_failed": "Mend what the error names; the next hourly sync tries again, or /monitor/control at once.",
    "progress_late": "Look whether the Dagster daemon and the hourly schedule run; sync at once on /monitor/control.",
    "progress_errors": "Look at the errors of the company's syncs on /monitor.",
    "api_slow": "Look on /monitor/performance which hours are slow, and at the warehouse's own load.",
    "api_failing": "Look on /monitor/security which errors the calls get.",
    "cache_cold": "Look whether the company's cache is on and its readers ask for the same pages; else switch it off.",
    "quota_exceeded": "Raise the company's rate_limit if its calls are meant; it starts anew at the site's midnight.",
    "quota_nearly_used": "Nothing yet; raise the company's rate_limit if its calls are meant.",
    "auth_failures": "Find out whose address it is; block it in front of the API if it is nobody's.",
    "many_addresses": "Ask the user; if in doubt revoke the token: `lms-etl token revoke PREFIX`.",
    "many_companies": "Look whether the user may read so many: `lms-etl user list`.",
    "many_calls": "Ask the user; the same rows can be had in fewer calls with a larger limit.",
}
"""What to do next, by kind; docs/alerts.md says more."""


@dataclass(frozen=True)
class Told:
    """The facts of one message."""

    alert_id: int
    kind: str
    subject: str
    severity: str
    title: str
    detail: str
    count: int
    swallowed: int
    told: int
    first_seen_at: datetime
    last_seen_at: datetime
    run_id: str | None = None
    resolved_at: datetime | None = None


def headline(message: str, alert: Told) -> str:
    """The subject line: severity, what, and which day."""
    word = {"raised": alert.severity.upper(), "again": f"{alert.severity.upper()}, STILL", "recovered": "RECOVERED"}
    return f"[lms_etl] {word[message]}: {alert.title}"


def body(message: str, alert: Told, complete_through: date | None, ui_url: str = "") -> str:
    """The text: what happened, how often, what to do next, where to look."""
    lines = [alert.title + ".", alert.detail] if message != "recovered" else [f"Over: {alert.title}."]
    lines += ["", f"Severity: {alert.severity}", f"Subject: {alert.subject}", _when(message, alert)]
    lines += _often(message, alert)
    if message != "recovered":
        lines += ["", f"What to do: {ADVICE[alert.kind]}"]
    if ui_url and alert.run_id:
        lines.append(f"Run: {ui_url.rstrip('/')}/runs/{alert.run_id}")
    through = f"Numbers are complete through {complete_through}." if complete_through else "No day is complete yet."
    lines += ["", through, f"Alert {alert.alert_id}; all of them: `lms-etl alerts list`."]
    return "\n".join(line for line in lines if line is not None)


def _when(message: str, alert: Told) -> str:
    if message == "recovered" and alert.resolved_at:
        return f"When: from {_moment(alert.first_seen_at)} to {_moment(alert.resolved_at)}"
    if alert.count > 1:
        return f"When: first {_moment(alert.first_seen_at)}, last {_moment(alert.last_seen_at)}"
    return f"When: {_moment(alert.first_seen_at)}"


def _often(message: str, alert: Told) -> list[str]:
    """How often it happened, and how often without a message of its own."""
    lines = [f"Seen: {alert.count} {'time' if alert.count == 1 else 'times'}"]
    if message == "raised":
        silent = alert.swallowed - alert.count
        return [*lines, f"Not told of before: {silent}"] if silent > 0 else lines
    if alert.swallowed:
        lines.append(f"Since the last message: {alert.swallowed} more, which were not told")
    return lines


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


TEST_TITLE = "[lms_etl] TEST: alerts reach you"
TEST_BODY = "This is a test message of `lms-etl alerts test`. Nothing is wrong; nothing is to be done."
