"""The channels that alerts go through, each one apprise URL of ALERT_URLS."""

import logging
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lms_etl.alerts.redaction import redacted

if TYPE_CHECKING:
    from lms_etl.alerts.outbox import Letter

_SEPARATOR = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_COLOURS = {"recovered": "success", "test": "info"}
_BY_SEVERITY = {"low": "info", "medium": "warning", "high": "failure", "critical": "failure"}
LONGEST_NAME = 76
EXAMPLE = "mailtos://user:password@smtp.example.org?from=etl@example.org&to=me@example.org"


class BadChannel(ValueError):
    """An URL of ALERT_URLS that cannot be used; the message has its position and scheme, not its secrets."""


@dataclass(frozen=True)
class Channel:
    """One place that messages go to. A mail has one recipient: a refused one must not mean a second for the rest."""

    name: str
    url: str
    recipient: str | None = None

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """Parts of the URL that may not be told."""
        plugin = _plugin(self.url)
        known = (getattr(plugin, name, None) for name in ("password", "token", "token_a", "token_b", "token_c"))
        return tuple(part for part in (self.url, *known) if isinstance(part, str) and len(part) > 3)

    def send(self, letter: "Letter") -> str | None:
        """Hands the letter over; None once it is accepted, else why it was not, without secrets."""
        plugin = _plugin(self.url)
        if plugin is None:
            return "The URL cannot be used any more."
        if self.recipient:
            plugin.targets, plugin.cc, plugin.bcc = [(False, self.recipient)], set(), set()
        if isinstance(getattr(plugin, "headers", None), dict):
            plugin.headers["Idempotency-Key"] = f"lms-etl-{letter.key}"
        import apprise

        colour = _COLOURS.get(letter.kind) or _BY_SEVERITY[letter.severity]
        with _complaints() as heard:
            try:
                accepted = plugin.notify(
                    title=letter.title,
                    body=letter.body,
                    notify_type=apprise.NotifyType(colour),
                    body_format=apprise.NotifyFormat.TEXT,
                )
            except Exception as error:  # a broken service must not keep the others from being told
                accepted = False
                heard.append(f"{type(error).__name__}: {error}")
        if accepted:
            return None
        return redacted(" ".join(heard) or "It was not accepted; the service says no reason.", self.secrets)


def parse(text: str) -> list[Channel]:
    """The channels of ALERT_URLS in order, each recipient and each URL once. Raises BadChannel for a bad one."""
    found: dict[tuple[str, str | None], Channel] = {}
    from apprise.plugins.email import NotifyEmail

    for position, url in enumerate(split(text), start=1):
        scheme = url.partition("://")[0] if "://" in url else "(none)"
        with _complaints() as heard:
            plugin = _plugin(url)
        targets = getattr(plugin, "targets", None)
        invalid = sum("Dropped invalid" in line for line in heard)
        if plugin is None or invalid or (isinstance(plugin, NotifyEmail) and not targets):
            why = "a recipient is no mail address" if invalid else "it is no URL of a service that apprise knows"
            raise BadChannel(f"URL number {position} (scheme {scheme}): {why}; write it like {EXAMPLE}")
        recipients: list[str | None] = [None]
        if isinstance(plugin, NotifyEmail):
            recipients = [*(address for _, address in plugin.targets), *sorted(plugin.cc), *sorted(plugin.bcc)]
        for recipient in recipients:
            key = ("", recipient.lower()) if recipient else (url, None)
            found.setdefault(key, Channel("", url, recipient))
    names: Counter[str] = Counter()
    channels = []
    for channel in found.values():
        name = _name(channel)
        names[name] += 1
        named = name if names[name] == 1 else f"{name} #{names[name]}"
        channels.append(Channel(named, channel.url, channel.recipient))
    return channels


def split(text: str) -> list[str]:
    """URLs separated by commas or blanks; a comma inside one, as in `to=a@x.org,b@x.org`, stays in it."""
    return [url for url in _SEPARATOR.split(text.strip(" \t\r\n,")) if url]


def _name(channel: Channel) -> str:
    """What people and tables call it: `mailto me@example.org`, `json hooks.example.org`, without its secrets."""
    if channel.recipient:
        return f"mailto {channel.recipient}"[:LONGEST_NAME]
    scheme, _, rest = _plugin(channel.url).url(privacy=True).partition("://")
    host = re.split(r"[/?]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme} {host}"[:LONGEST_NAME]


def _plugin(url: str) -> Any:
    import apprise  # takes half a second, and who has no channel does not need it

    return apprise.Apprise.instantiate(url)


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What apprise logs as warning or error meanwhile: it tells a failure by False and the reason only there."""
    heard: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    logger = logging.getLogger("apprise")
    listener, passes = Listener(level=logging.WARNING), logger.propagate
    logger.addHandler(listener)
    logger.propagate = False
    try:
        yield heard
    finally:
        logger.removeHandler(listener)
        logger.propagate = passes
