"""What may leave the house in a message: no secret, no address, nothing that stood in a row. Pure."""

import ipaddress
import re
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

LONGEST = 600
_HIDDEN = "***"

_ROWS = re.compile(r"\s*(\[SQL:|\[parameters:|DETAIL:|CONTEXT:|Failing row contains|Traceback \(most recent).*", re.I)
"""From here on drivers and SQLAlchemy quote statements, parameters and rows."""

_URL = re.compile(r"\b([a-z][a-z0-9+.-]*)://(\S*)", re.IGNORECASE)
_DATABASES = ("mysql", "mariadb", "postgres", "sqlite")
_WORDED = re.compile(
    r"(?i)\b([\w-]*(?:password|passwd|pwd|token|secret|api[_-]?key|sesskey|authorization))(\s*[=:]\s*)"
    r"(?:(?:bearer|basic)\s+)?(\"[^\"]*\"|'[^']*'|\S+)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")
_IS_TOKEN = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w~-]{8,}")
_MAIL = re.compile(r"[\w.%+'-]+@[\w-]+(?:\.[\w-]+)+")
_ACCOUNT = re.compile(r"(?i)\b(user|role)(\s+)(?:'[^']*'(?:@'[^']*')?|\"[^\"]*\")")
_VALUE = re.compile(
    r"(?i)((?:duplicate entry|value:?|syntax for (?:type )?[\w ]+:|out of range:?)\s*)('[^']*'|\"[^\"]*\")"
)
_QUOTED = re.compile(r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"|`[^`]*`")
_NUMBERS = re.compile(r"(?<![\w.:])[0-9a-fA-F]*[:.][0-9a-fA-F:.]+(?![\w:])")


def redacted(text: str, secrets: tuple[str, ...] = (), foreign: bool = False) -> str:
    """One line of at most 600 characters without credentials, mail and IP addresses, or values of a row.

    `secrets` are hidden wherever they stand. `foreign` is a text that is not ours, whose quoted parts may be anything:
    they are hidden too. Hosts and names of databases and tables in a URL stay.
    """
    line = _ROWS.sub("", " ".join(text.split()))
    for secret in sorted(secrets, key=len, reverse=True):
        line = line.replace(secret, _HIDDEN)
    pieces, end = [], 0
    for url in _URL.finditer(line):
        pieces += [_plain(line[end : url.start()], foreign), _place(url[1], url[2])]
        end = url.end()
    whole = "".join([*pieces, _plain(line[end:], foreign)])
    return whole if len(whole) <= LONGEST else whole[: LONGEST - 2] + " …"


def secrets_of(settings: Any) -> tuple[str, ...]:
    """The passwords of the settings' URLs, to be hidden wherever they turn up."""
    found = set()
    for name in ("moodle_database_url", "warehouse_database_url", "dagster_postgres_url"):
        with suppress(ValueError):
            password = urlsplit(getattr(settings, name)).password or ""
            found |= {password, unquote(password)}
    urls = _URL.findall(settings.alert_urls)
    found |= {part for _, rest in urls for part in re.split(r"[/:@?&=]", rest) if _IS_TOKEN.fullmatch(part)}
    return tuple(secret for secret in found if len(secret) > 3)


def _place(scheme: str, rest: str) -> str:
    """A URL as far as it says where: databases keep host and name, others, whose path may be the secret, the host."""
    tail = rest[len(rest.rstrip(").,;'\"")) :]
    place = rest.rstrip(").,;'\"").rpartition("@")[2].partition("?")[0]
    if not scheme.lower().startswith(_DATABASES):
        place = place.partition("/")[0] + ("/" + _HIDDEN if "/" in place else "")
    return f"{scheme}://{place}{tail}"


def _plain(text: str, foreign: bool) -> str:
    text = _WORDED.sub(rf"\1\2{_HIDDEN}", text)
    text = _BEARER.sub(rf"\1 {_HIDDEN}", text)
    text = _ACCOUNT.sub(rf"\1\2'{_HIDDEN}'", text)
    text = _VALUE.sub(rf"\1'{_HIDDEN}'", text)
    text = _MAIL.sub(_HIDDEN, text)
    if foreign:
        text = _QUOTED.sub("'…'", text)
    return _NUMBERS.sub(lambda found: _HIDDEN if _is_address(found[0]) else found[0], text)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.rstrip(".:"))
    except ValueError:
        return False
    return True
