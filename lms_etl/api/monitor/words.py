"""Numbers and moments as people read them on the page. Pure; moments are UTC without an offset."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

NONE = "–"  # noqa: RUF001  # typographically a dash: no value


def number(value: float | None) -> str:
    return NONE if value is None else f"{value:,.0f}"


def percent(share: float | None) -> str:
    """One digit, cut and not rounded: 99.97 % is not 100 %."""
    if share is None:
        return NONE
    tenths = int(share * 1000 + 1e-9)
    return f"{tenths // 10} %" if tenths % 10 == 0 else f"{tenths / 10:.1f} %"


def milliseconds(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:,.0f} ms" if value < 1000 else f"{value / 1000:,.2f} s"


def span(seconds: float) -> str:
    """A length of time in its largest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size * (2 if unit != "min" else 1):
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, or how far ahead."""
    if moment is None:
        return "never"
    passed = (now - moment).total_seconds()
    return f"{span(passed)} ago" if passed >= 0 else f"in {span(-passed)}"


def local(moment: datetime | None, zone: ZoneInfo, how: str = "%Y-%m-%d %H:%M") -> str:
    """The moment as the site's clock shows it."""
    return NONE if moment is None else moment.replace(tzinfo=UTC).astimezone(zone).strftime(how)


def iso(moment: datetime | None) -> str:
    """For programs and the `datetime` of a `time` element."""
    return "" if moment is None else moment.replace(tzinfo=UTC).isoformat(timespec="seconds")


def filters(zone: ZoneInfo) -> dict[str, Any]:
    """What templates may call, with the site's zone filled in."""
    return {
        "number": number,
        "percent": percent,
        "milliseconds": milliseconds,
        "ago": ago,
        "iso": iso,
        "local": lambda moment, how="%Y-%m-%d %H:%M": local(moment, zone, how),
    }
