"""Channels: which URLs are taken, who is mailed, what a failure says, and the two commands."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from lms_etl import settings
from lms_etl.alerts import channels
from lms_etl.alerts.channels import BadChannel, parse, split
from lms_etl.alerts.outbox import Letter
from lms_etl.cli import app
from lms_etl.doctor import examine
from lms_etl.settings import SettingsError, load
from lms_etl.warehouse import schema
from lms_etl.warehouse.tables import alert_deliveries, alerts
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.alerts.listeners import Mailbox, Webhook
from lms_etl_tests.alerts.test_hub import START

LETTER = Letter(0, 1, "", "1:1:raised", "raised", "high", "[lms_etl] HIGH: x", "Text", 0)


def test_urls_are_separated_by_commas_or_blanks_and_keep_their_own_commas() -> None:
    text = " json://a/b,mailto://h/?from=f@x.org&to=a@x.org,b@x.org\n  jsons://c "
    assert split(text) == ["json://a/b", "mailto://h/?from=f@x.org&to=a@x.org,b@x.org", "jsons://c"]
    assert parse("") == parse(" , ") == []


def test_every_valid_recipient_is_mailed_once(mail: Mailbox) -> None:
    twice = f"{mail.url('ana@example.org', 'ben@example.org', 'Ana@example.org')} {mail.url('ben@example.org')}"
    found = parse(f"{twice}&cc=eve@example.org")
    assert [channel.name for channel in found] == [
        "mailto ana@example.org",
        "mailto ben@example.org",
        "mailto eve@example.org",
    ]
    assert [channel.send(LETTER) for channel in found] == [None, None, None]
    assert [mail["To"] for mail in mail.mails] == ["ana@example.org", "ben@example.org", "eve@example.org"]
    assert {mail["Idempotency-Key"] for mail in mail.mails} == {"lms-etl-1:1:raised"}


def test_a_webhook_gets_title_text_and_key(hook: Webhook) -> None:
    [channel] = parse(f"{hook.url},{hook.url}")
    assert channel.name == f"json 127.0.0.1:{hook.port}"
    assert channel.send(LETTER) is None
    [call] = hook.calls
    assert (call["title"], call["message"], call["type"], call["key"]) == (
        LETTER.title,
        "Text",
        "failure",
        "lms-etl-1:1:raised",
    )


@pytest.mark.parametrize(
    ("urls", "complaint"),
    [
        ("json://fine/ nonsense://s3cretToken", "URL number 2 (scheme nonsense): it is no URL of a service"),
        ("msteams://", "URL number 1 (scheme msteams)"),
        ("s3cretToken", "URL number 1 (scheme (none))"),
        ("mailto://h:25/?from=f@x.org&to=s3cretToken", "URL number 1 (scheme mailto): a recipient is no mail address"),
    ],
)
def test_a_url_that_cannot_be_used_is_named_by_position_and_scheme_without_its_secrets(
    urls: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadChannel, match=re.escape(complaint)):
        parse(urls)
    monkeypatch.setenv("ALERT_URLS", urls)
    with pytest.raises(SettingsError) as refused:
        load()
    assert str(refused.value).startswith("ALERT_URLS cannot be used: URL number ")
    assert "\n" not in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("ALERT_THRESHOLD", "urgent", "'low', 'medium', 'high' or 'critical'"),
        ("ALERT_COOLDOWN_MINUTES", "4", "greater than or equal to 5"),
        ("ALERT_SEVERITIES", "fire=high", "fire is no kind of alert; the kinds are run_failed"),
        ("ALERT_SEVERITIES", "run_failed=urgent", "'low', 'medium', 'high' or 'critical'"),
        ("ALERT_SEVERITIES", "run_failed", "'low', 'medium', 'high' or 'critical'"),
    ],
)
def test_a_wrong_alert_setting_is_refused(
    name: str, value: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=complaint):
        load()


def test_severities_are_read_from_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_SEVERITIES", " check_warned=low, tick_failed = critical,")
    assert load().alert_severities == {"check_warned": "low", "tick_failed": "critical"}


def test_a_refusal_says_why_without_secrets(hook: Webhook, mail: Mailbox) -> None:
    hook.refuses = mail.refuses = True
    for url in (hook.url.replace("://", "://user:s3cretPass@"), mail.url()):
        [channel] = parse(url)
        said = channel.send(LETTER)
        assert said
        assert "s3cret" not in said


def test_a_service_that_breaks_is_a_refusal(hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    [channel] = parse(hook.url)
    plugin = channels._plugin(hook.url)

    def broken(**_: Any) -> bool:
        raise RuntimeError("no idea")

    monkeypatch.setattr(plugin, "notify", broken)
    monkeypatch.setattr(channels, "_plugin", lambda _url: plugin)
    assert channel.send(LETTER) == "RuntimeError: no idea"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, sqlite_warehouse: Warehouse) -> Callable[..., tuple[int, str]]:
    """`lms-etl alerts …` typed with the given environment: exit code and what it prints."""

    def run(*words: str, **environ: str) -> tuple[int, str]:
        monkeypatch.setenv("WAREHOUSE_DATABASE_URL", sqlite_warehouse.settings.warehouse_database_url)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        settings.current.cache_clear()
        result = CliRunner().invoke(app, ["alerts", *words], catch_exceptions=False)
        settings.current.cache_clear()
        return result.exit_code, " ".join(result.output.split())

    return run


def test_the_test_command_says_for_each_channel_whether_it_accepted(
    typed: Callable[..., tuple[int, str]], mail: Mailbox, hook: Webhook
) -> None:
    code, said = typed("test", ALERT_URLS=f"{mail.url()} {hook.url}")
    assert (code, said) == (0, f"✓ mailto admin@example.org: accepted ✓ json 127.0.0.1:{hook.port}: accepted")
    assert mail.titles == hook.titles == ["[lms_etl] TEST: alerts reach you"]
    hook.refuses = True
    code, said = typed("test")
    assert code == 1
    assert "✓ mailto admin@example.org: accepted ✗ json" in said


def test_without_a_channel_the_test_command_says_how_to_set_one(typed: Callable[..., tuple[int, str]]) -> None:
    code, said = typed("test")
    assert code == 1
    assert "Set ALERT_URLS, for example ALERT_URLS=mailtos://" in said


def test_alerts_are_listed_with_what_could_not_be_sent(
    typed: Callable[..., tuple[int, str]], sqlite_warehouse: Warehouse
) -> None:
    assert typed("list") == (0, "Nothing went wrong in the last 7 days.")
    same = {"kind": "run_failed", "thing": "j", "severity": "high", "detail": "", "count": 3, "told": 1}
    moments = {"first_seen_at": START, "last_seen_at": START}
    with sqlite_warehouse.engine.begin() as connection:
        connection.execute(alerts.insert(), {**same, **moments, "subject": "a", "state": "open", "title": "A fails"})
        over = {**same, **moments, "subject": "b", "state": "resolved", "resolved_at": START, "title": "B fails"}
        connection.execute(alerts.insert(), over)
        given_up = {"message_id": 1, "alert_id": 1, "channel": "json hook", "state": "given_up", "next_at": START}
        connection.execute(alert_deliveries.insert(), {**given_up, "last_error": "it is closed"})
    code, said = typed("list", "--days", "36500")
    assert code == 0
    assert said.index("B fails") < said.index("A fails")
    assert "high over since 03-23 02:00, 3 events, 1 messages: B fails" in said
    assert "json hook: 1 given up, the last error: it is closed" in said
    assert "B fails" not in typed("list", "--open")[1]


def test_doctor_doubts_a_site_where_nobody_is_told(sqlite_warehouse: Warehouse, hook: Webhook) -> None:
    schema.migrate(sqlite_warehouse)
    [silent] = [finding for finding in examine(sqlite_warehouse.settings) if finding.subject == "Alerts"]
    assert (silent.state, silent.text) == ("doubtful", "ALERT_URLS is not set: alerts are recorded, nobody is told")
    telling = sqlite_warehouse.settings.model_copy(update={"alert_urls": hook.url})
    [loud] = [finding for finding in examine(telling) if finding.subject == "Alerts"]
    assert loud.state == "good"
    assert f"told to json 127.0.0.1:{hook.port}" in loud.text
