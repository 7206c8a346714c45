"""The warehouse itself away: told directly, since nothing can be written down. The sensor's cursor remembers it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from lms_etl.alerts.messages import ADVICE
from lms_etl.alerts.outbox import Letter
from lms_etl.alerts.redaction import redacted
from lms_etl.alerts.rules import Event, Policy


class Sender(Protocol):
    """A channel, as far as it is needed here."""

    @property
    def name(self) -> str: ...

    def send(self, letter: Letter) -> str | None: ...


@dataclass(frozen=True)
class Outage:
    """When it was noticed (UTC, to the second), why, and the channels that have accepted the news."""

    since: str
    problem: str
    told: list[str] = field(default_factory=list)

    @classmethod
    def begun(cls, now: datetime, problem: str, secrets: tuple[str, ...]) -> "Outage":
        """An outage that is noticed now."""
        return cls(f"{now:%Y-%m-%d %H:%M:%S}", redacted(problem.partition(" The database said:")[0], secrets))

    def told_through(self, channels: Sequence[Sender], policy: Policy) -> "Outage":
        """Sends the news to the channels that do not have it yet."""
        severity = policy.severity("database_down")
        if not policy.tells(severity):
            return self
        key = "outage-" + "".join(sign for sign in self.since if sign.isdigit())
        title = f"[lms_etl] {severity.upper()}: The warehouse cannot be used"
        text = f"{self.problem}\n\nWhen: {self.since} UTC\n\nWhat to do: {ADVICE['database_down']}"
        told = list(self.told)
        for channel in channels:
            letter = Letter(0, 0, channel.name, key, "raised", severity, title, text, 0)
            if channel.name not in told and channel.send(letter) is None:
                told.append(channel.name)
        return replace(self, told=told)

    def event(self) -> Event:
        """What is written down once the warehouse is back; not told again if anybody was told."""
        at = datetime.fromisoformat(self.since)
        return Event(
            key=f"outage:{self.since}",
            kind="database_down",
            subject="warehouse",
            thing="warehouse",
            at=at,
            title="The warehouse cannot be used",
            detail=self.problem,
            told_at=at if self.told else None,
        )

    def written(self) -> dict[str, Any]:
        return asdict(self)
