"""The rules as tables of cases: when an alert is told, what mends it, and what may be said."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from lms_etl.alerts import causes
from lms_etl.alerts.causes import Check, Fault, Run, Stale, Tick
from lms_etl.alerts.redaction import LONGEST, redacted, secrets_of
from lms_etl.alerts.rules import SEVERITIES, USUAL, Alert, Policy, Proof, message_now, unmended
from lms_etl.alerts.spans import Spans
from lms_etl.settings import Settings

NOON = datetime(2026, 3, 23, 12, tzinfo=UTC).replace(tzinfo=None)
MINUTE = timedelta(minutes=1)
DAY = date(2026, 3, 22)
DOWN = (
    "Failed to connect to database: the server does not answer ({}_DATABASE_URL=mysql://u:***@db/m). "
    "Check that it runs. The database said: x"
)


def alert(**values: Any) -> Alert:
    usual = {
        "kind": "run_failed", "thing": "user_activity_job", "severity": "high", "days": Spans.of([DAY]),
        "last_seen_at": NOON, "told": 0, "swallowed": 1, "told_before": None,
    }  # fmt: skip
    return Alert(**{**usual, **values})


def ago(minutes: float) -> datetime:
    return NOON - minutes * MINUTE


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "raised"),
        ({"severity": "medium"}, "raised"),
        ({"severity": "low"}, None),
        ({"told_before": ago(59)}, None),
        ({"told_before": ago(60)}, "raised"),
        ({"told": 1, "told_before": ago(59)}, None),
        ({"told": 1, "told_before": ago(60)}, "again"),
        ({"told": 1, "told_before": ago(600), "swallowed": 0}, None),
        ({"told": 2, "told_before": ago(119)}, None),
        ({"told": 2, "told_before": ago(120)}, "again"),
        ({"told": 9, "told_before": ago(24 * 60 - 1)}, None),
        ({"told": 9, "told_before": ago(24 * 60)}, "again"),
    ],
)
def test_a_message_is_due(values: dict[str, Any], message: str | None) -> None:
    assert message_now(alert(**values), NOON, Policy()) == message


@pytest.mark.parametrize("threshold", SEVERITIES)
def test_a_threshold_lets_through_itself_and_what_is_worse(threshold: Any) -> None:
    told = [severity for severity in SEVERITIES if Policy(threshold).tells(severity)]
    assert told == list(SEVERITIES[SEVERITIES.index(threshold) :])


LATER = NOON + MINUTE
CHECK = {"kind": "check_failed", "thing": "views.agree"}
MISSED = {"kind": "day_missed", "thing": "activity_counts, user_activity"}
DOWNED = {"kind": "database_down", "thing": "source", "days": Spans()}
TICKING = {"kind": "tick_failed", "thing": "sensor window_sensor", "days": Spans()}
BOTH = Spans.between(DAY, date(2026, 3, 23))


@pytest.mark.parametrize(
    ("values", "proofs", "loads", "left"),
    [
        ({}, [], {}, "2026-03-22"),
        ({}, [Proof("run", "user_activity_job", LATER, Spans.of([DAY]))], {}, None),
        ({}, [Proof("run", "user_activity_job", NOON, Spans.of([DAY]))], {}, "2026-03-22"),
        ({}, [Proof("run", "user_activity_job", LATER, Spans.of([date(2026, 3, 21)]))], {}, "2026-03-22"),
        ({}, [Proof("run", "user_counts_job", LATER, Spans.of([DAY]))], {}, "2026-03-22"),
        ({"days": BOTH}, [Proof("run", "user_activity_job", LATER, Spans.of([DAY]))], {}, "2026-03-23"),
        ({}, [], {"user_activity": {DAY: LATER}}, None),
        ({}, [], {"user_activity": {DAY: NOON}}, "2026-03-22"),
        ({}, [], {"activity_counts": {DAY: LATER}}, "2026-03-22"),
        ({"days": Spans()}, [Proof("run", "user_activity_job", LATER)], {}, None),
        ({"days": Spans()}, [], {}, ""),
        (CHECK, [Proof("check", "views.agree", LATER, Spans.of([DAY]))], {}, None),
        (CHECK, [Proof("check", "views.usual", LATER, Spans.of([DAY]))], {}, "2026-03-22"),
        (CHECK, [Proof("run", "user_activity_job", LATER, Spans.of([DAY]))], {}, "2026-03-22"),
        (CHECK, [], {"views.agree": {DAY: LATER}}, "2026-03-22"),
        (MISSED, [], {"activity_counts": {DAY: LATER}}, "2026-03-22"),
        (MISSED, [], {"activity_counts": {DAY: LATER}, "user_activity": {DAY: LATER}}, None),
        (DOWNED, [Proof("run", "any_job", LATER)], {}, None),
        (DOWNED, [Proof("run", "any_job", NOON)], {}, ""),
        (DOWNED, [Proof("tick", "sensor other", LATER)], {}, ""),
        (DOWNED, [], {"user_counts": {date(2026, 1, 1): LATER}}, None),
        (TICKING, [Proof("tick", "sensor window_sensor", LATER)], {}, None),
        (TICKING, [Proof("tick", "sensor other", LATER)], {}, ""),
        (TICKING, [Proof("run", "any_job", LATER)], {}, ""),
    ],
)
def test_what_mends_an_alert(values: Any, proofs: Any, loads: Any, left: str | None) -> None:
    remaining = unmended(alert(**values), proofs, loads)
    assert (None if remaining is None else remaining.written()) == left


def run(*faults: Fault, success: bool = False, checks: tuple[Check, ...] = ()) -> Run:
    return Run("R", "report_job", success, NOON, Spans.of([DAY]), faults, checks)


BLOCKED = Fault("1 blocking asset check failed with ERROR severity", blocked_by_check=True)
AGREE = Check("views.agree", False, False, NOON, "2026-03-22 course 4: 9 and 7", Spans.of([DAY]))
USUAL_ONE = Check("views.usual", False, True, NOON, "2026-03-22: 3 views", Spans.of([DAY]))


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (run(success=True), []),
        (run(Fault("boom")), [("run_failed", "report_job 2026-03-22")]),
        (run(), [("run_failed", "report_job 2026-03-22")]),
        (run(BLOCKED, checks=(AGREE,)), [("check_failed", "views.agree 2026-03-22")]),
        (run(BLOCKED), [("run_failed", "report_job 2026-03-22")]),
        (
            run(BLOCKED, Fault("boom"), checks=(AGREE,)),
            [("check_failed", "views.agree 2026-03-22"), ("run_failed", "report_job 2026-03-22")],
        ),
        (run(success=True, checks=(USUAL_ONE,)), [("check_warned", "views.usual 2026-03-22")]),
        (
            run(Fault("boom"), checks=(USUAL_ONE,)),
            [("check_warned", "views.usual 2026-03-22"), ("run_failed", "report_job 2026-03-22")],
        ),
        (run(Fault("ETL process is already running: x", ours=True)), [("run_refused", "report_job 2026-03-22")]),
        (run(Fault("ETL time window expired for x", ours=True)), [("run_refused", "report_job 2026-03-22")]),
        (run(Fault("Stopped on request. x", ours=True)), [("run_refused", "report_job 2026-03-22")]),
        (run(Fault("ETL process is already running: x")), [("run_failed", "report_job 2026-03-22")]),
        (run(Fault(DOWN.format("MOODLE"), ours=True)), [("database_down", "source")]),
        (run(Fault("boom"), Fault(DOWN.format("WAREHOUSE"), ours=True)), [("database_down", "warehouse")]),
        (
            run(Fault("Table mdl_x is missing (MOODLE_DATABASE_URL=mysql://db/m).", ours=True)),
            [("run_failed", "report_job 2026-03-22")],
        ),
    ],
)
def test_a_run_shows_one_event_for_each_cause(ended: Run, expected: list[tuple[str, str]]) -> None:
    assert [(event.kind, event.subject) for event in causes.run_events(ended)] == expected


def test_a_sensor_that_fails_by_a_database_is_that_databases_outage() -> None:
    ticks = [
        Tick("1", "sensor window_sensor", NOON, Fault(DOWN.format("WAREHOUSE"))),
        Tick("2", "sensor window_sensor", NOON, Fault("KeyError: 'x'")),
        Tick("3", "sensor window_sensor", NOON),
    ]
    events = causes.tick_events(ticks)
    assert [(event.key, event.kind, event.subject) for event in events] == [
        ("tick:1", "database_down", "warehouse"),
        ("tick:2", "tick_failed", "sensor window_sensor"),
    ]
    assert {event.thing for event in events} == {"sensor window_sensor"}


def test_a_dead_run_and_its_failure_name_each_other() -> None:
    [stale] = causes.stale_events([Stale(7, "activity_counts", DAY, NOON, "R")])
    [failed] = causes.run_events(run(Fault("boom")))
    assert stale.key in failed.same_as
    assert failed.key in stale.same_as
    [alone] = causes.stale_events([Stale(7, "activity_counts", DAY, NOON, None)])
    assert (alone.key, alone.same_as) == ("stale:7", ())


def test_every_kind_has_a_severity_and_an_advice() -> None:
    from lms_etl.alerts.messages import ADVICE

    assert set(USUAL) == set(ADVICE)


@pytest.mark.parametrize(
    ("description", "days"),
    [
        ("2026-03-22 course 4: 9", "2026-03-22"),
        ("2026-03-21 a; 2026-03-23 b", "2026-03-21 2026-03-23"),
        ("2026-03-21 a … and 4 more", "2026-03-21/2026-03-23"),
        ("wrong", "2026-03-21/2026-03-23"),
        ("2026-01-01 is not judged", "2026-03-21/2026-03-23"),
        ("2026-02-30 is no day", "2026-03-21/2026-03-23"),
    ],
)
def test_the_failing_days_are_those_that_the_description_names(description: str, days: str) -> None:
    judged = Spans.between(date(2026, 3, 21), date(2026, 3, 23))
    assert causes.failing_days(Check("a.b", False, False, NOON, description, judged)).written() == days


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mysql://etl:p@ss/w0rd@db.example.org:3306/moodle failed", "mysql://db.example.org:3306/moodle failed"),
        ("(MOODLE_DATABASE_URL=mysql://u:***@10.0.0.5/m).", "(MOODLE_DATABASE_URL=mysql://10.0.0.5/m)."),
        ("POST https://hooks.slack.com/services/T1/B2/x3 gave 500", "POST https://hooks.slack.com/*** gave 500"),
        ("see https://lms.example.org?token=abc", "see https://lms.example.org"),
        ("password=hunter2 token: abc", "password=*** token: ***"),
        ("Authorization: Bearer abcdefgh123", "Authorization: ***"),
        ("mail to ana.b@example.org bounced", "mail to *** bounced"),
        ("seen from 192.0.2.7 and 2001:db8::1, at 23:59:59", "seen from *** and ***, at 23:59:59"),
        ("version 8.0.36 on 2026-03-22 10:15:00", "version 8.0.36 on 2026-03-22 10:15:00"),
        ("user 'etl' was refused", "user '***' was refused"),
        ("Duplicate entry 'ana-5' for key 'x'", "Duplicate entry '***' for key 'x'"),
        ('invalid input syntax for type integer: "Ana"', "invalid input syntax for type integer: '***'"),
        ("null value DETAIL: Failing row contains (1, Ana).", "null value"),
        ("boom [SQL: insert into x] [parameters: ('Ana',)]", "boom"),
        ("2026-03-22 course 4: Moodle has 9 views", "2026-03-22 course 4: Moodle has 9 views"),
        ("two\n lines", "two lines"),
    ],
)
def test_nothing_private_leaves(text: str, said: str) -> None:
    assert redacted(text) == said


def test_quoted_parts_of_a_foreign_error_are_hidden_and_long_texts_cut() -> None:
    assert redacted("KeyError: 'Ana Maria'", foreign=True) == "KeyError: '…'"
    assert len(redacted("word " * 500)) == LONGEST


def test_the_settings_own_secrets_are_hidden_wherever_they_stand() -> None:
    settings = Settings(
        moodle_database_url="mysql://u:s3cret%40Pa55@db/m", alert_urls="json://127.0.0.1:9/hook/abcdef123456"
    )
    secrets = secrets_of(settings)
    assert redacted("it said s3cret@Pa55 and s3cret%40Pa55 and abcdef123456", secrets) == "it said *** and *** and ***"


@pytest.mark.parametrize(
    ("days", "minus", "left"),
    [
        ("2026-03-01/2026-03-05", "2026-03-03", "2026-03-01/2026-03-02 2026-03-04/2026-03-05"),
        ("2026-03-01/2026-03-05", "2026-02-01/2026-03-01 2026-03-05", "2026-03-02/2026-03-04"),
        ("2026-03-01 2026-03-03", "2026-03-01/2026-03-09", ""),
        ("2026-03-01", "", "2026-03-01"),
        ("", "2026-03-01", ""),
    ],
)
def test_days_are_taken_from_days(days: str, minus: str, left: str) -> None:
    assert (Spans.read(days) - Spans.read(minus)).written() == left


def test_days_are_joined_and_written_for_people() -> None:
    days = Spans.of(date(2026, 3, day) for day in (9, 1, 2, 3, 20, 24))
    assert days.written() == "2026-03-01/2026-03-03 2026-03-09 2026-03-20 2026-03-24"
    assert str(days) == "2026-03-01 to 2026-03-03, 2026-03-09, 2026-03-20 and 1 more"
    assert Spans.read(days.written()) == days
    assert (days | Spans.between(date(2026, 3, 4), date(2026, 3, 8))).written().startswith("2026-03-01/2026-03-09 ")
