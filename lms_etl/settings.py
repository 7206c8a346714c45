"""Every environment variable of the project: its type, default, unit and meaning.

Values come from the environment, then from a `.env` file in the current folder. The embedded demo keeps its own
settings and databases in `demo/` of the home folder; they count only while no real Moodle is named.
"""

import os
import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AliasChoices, Field, PrivateAttr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from lms_etl.alerts.rules import USUAL, Severity
from lms_etl.terms import Term, terms_of

Severities = Annotated[dict[str, Severity], NoDecode]
"""Severities by kind of alert."""

Roles = Annotated[tuple[int | str, ...], NoDecode]
"""Moodle roles: ids, archetypes, or both."""

Names = Annotated[tuple[str, ...], NoDecode]
"""Words separated by commas."""

WebhookTokens = Annotated[tuple[tuple[str, str], ...], NoDecode]
"""Usernames with the SHA-256 of a token, hex."""

Terms = Annotated[tuple[Term, ...], NoDecode]


class SettingsError(Exception):
    """A setting has a value that cannot be used; the message names the variable, the value and what is allowed."""


def variable(name: str, default: Any, description: str, **limits: Any) -> Any:
    """A setting read from the environment variable `name`."""
    return Field(default, validation_alias=AliasChoices(name, name.lower()), description=description, **limits)


class Settings(BaseSettings):
    """All settings, validated once. `Settings.model_fields` is the source of the table in docs/settings.md."""

    # Without the prefix, setting fields by name in Python would also read them from the variables HOME and TIMEOUT.
    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_prefix="LMS_ETL_", extra="ignore", populate_by_name=True
    )

    home: Path = variable("LMS_ETL_HOME", Path("~/.lms_etl"), "Folder for everything the embedded default writes.")
    moodle_database_url: str = variable(
        "MOODLE_DATABASE_URL",
        "",
        "SQLAlchemy URL of Moodle's database (mysql, mariadb, postgresql, sqlite); empty: the demo's synthetic site.",
        repr=False,
    )
    moodle_table_prefix: str = variable(
        "MOODLE_TABLE_PREFIX", "mdl_", "Prefix of Moodle's tables.", pattern=r"^[A-Za-z0-9_]{0,20}$"
    )
    moodle_connections: int = variable(
        "MOODLE_CONNECTIONS", 2, "Connections that read days from Moodle at the same time.", ge=1, le=8
    )
    warehouse_database_url: str = variable(
        "WAREHOUSE_DATABASE_URL",
        "",
        "SQLAlchemy URL of the warehouse (postgresql, mysql, mariadb, sqlite); "
        "empty: `warehouse.db` in the home folder (the demo has its own).",
        repr=False,
    )
    dagster_postgres_url: str = variable(
        "DAGSTER_POSTGRES_URL",
        "",
        "PostgreSQL URL of Dagster's own storage in production (`dagster.yaml`); empty: SQLite in the home folder.",
        repr=False,
    )
    timezone: str = variable(
        "LMS_ETL_TIMEZONE", "UTC", "IANA name of the site's time zone; a day is a local day in it."
    )
    start_date: date = variable(
        "LMS_ETL_START_DATE", date(2025, 1, 1), "First day of the daily partitions (YYYY-MM-DD)."
    )
    terms: Terms = variable(
        "LMS_ETL_TERMS",
        (),
        "Terms that roll-ups know, `2025 odd=2025-09-01..2026-01-31`, separated by commas; no day in two of them.",
    )
    student_roles: Roles = variable(
        "LMS_ETL_STUDENT_ROLES", (5,), "Roles that count as student: ids or archetypes, separated by commas."
    )
    teacher_roles: Roles = variable(
        "LMS_ETL_TEACHER_ROLES", (3, 4), "Roles that count as teacher: ids or archetypes, separated by commas."
    )
    active_enrolments_only: bool = variable(
        "LMS_ETL_ACTIVE_ENROLMENTS_ONLY",
        False,
        "Count only people with a live enrolment who are neither suspended nor deleted.",
    )
    replay_enrolments: bool = variable(
        "LMS_ETL_REPLAY_ENROLMENTS",
        True,
        "Tell the people of a past day from the role events of Moodle's log where it reaches back; else those of now.",
    )
    page_views_only: bool = variable(
        "LMS_ETL_PAGE_VIEWS_ONLY",
        False,
        "Count only page views (target course_module), not the views inside an activity.",
    )
    require_objecttable: bool = variable(
        "LMS_ETL_REQUIRE_OBJECTTABLE", False, "Leave rows without an objecttable out of the six counts."
    )
    student_views: bool = variable(
        "LMS_ETL_STUDENT_VIEWS",
        False,
        "Fill `student_views`: the views made by the course's students alone. Costs a join per log row.",
    )
    max_null_average_share: float = variable(
        "LMS_ETL_MAX_NULL_AVERAGE_SHARE",
        0.5,
        "Share of a day's courses that may have no average before a check warns.",
        ge=0,
        le=1,
    )
    min_volume_share: float = variable(
        "LMS_ETL_MIN_VOLUME_SHARE",
        0.5,
        "Share of the same weekday's median views, or rows of the report, below which a check warns.",
        ge=0,
        le=1,
    )
    window_attempts: int = variable(
        "LMS_ETL_WINDOW_ATTEMPTS", 8, "Runs of a day that start by themselves while its window is open.", ge=1, le=20
    )
    window_pause: int = variable(
        "LMS_ETL_WINDOW_PAUSE",
        10,
        "Minutes from a failed run to the next one; each further pause is twice as long.",
        ge=1,
    )
    window_grace: int = variable(
        "LMS_ETL_WINDOW_GRACE",
        30,
        "Minutes after 02:00 at which the window sensor starts a day that nothing has started; a run that is under way "
        "when the window closes has as long to end.",
        ge=1,
        le=600,
    )
    catch_up: bool = variable(
        "LMS_ETL_CATCH_UP", True, "Load missed days by themselves, late, as one backfill over a range."
    )
    watched_days: int = variable(
        "LMS_ETL_WATCHED_DAYS", 7, "Closed windows that the check of missed windows looks back on.", ge=1, le=366
    )
    max_hours_without_sync: float = variable(
        "LMS_ETL_MAX_HOURS_WITHOUT_SYNC",
        2,
        "Hours that an hourly job may go without a success before a check fails.",
        gt=0,
    )
    max_error_rate: float = variable(
        "LMS_ETL_MAX_ERROR_RATE", 0.05, "Share of the runs that may fail before a check warns.", ge=0, le=1
    )
    error_rate_hours: int = variable(
        "LMS_ETL_ERROR_RATE_HOURS", 24, "Hours back over which the share of failed runs is taken.", ge=1
    )
    error_rate_min_runs: int = variable(
        "LMS_ETL_ERROR_RATE_MIN_RUNS", 20, "Runs in that time below which their share is not judged.", ge=1
    )
    late_overlap: int = variable(
        "LMS_ETL_LATE_OVERLAP",
        20_000,
        "Log ids that every look for late rows reads again, and new rows that it reads at most.",
        ge=100,
        le=1_000_000,
    )
    batch_size: int = variable("ETL_BATCH_SIZE", 1000, "Rows per batch of the two count tables.", ge=500, le=2000)
    merge_batch_size: int = variable(
        "ETL_MERGE_BATCH_SIZE", 500, "Rows per batch of the merged table.", ge=500, le=2000
    )
    timeout: int = variable("ETL_TIMEOUT", 300, "Seconds that one statement may take at Moodle's database.", ge=1)
    max_runtime: int = variable(
        "ETL_MAX_RUNTIME", 1800, "Seconds that a run may take for each of its days before it is failed.", ge=1
    )
    stale_seconds: int = variable(
        "ETL_STALE_SECONDS",
        300,
        "Seconds without a sign of life after which a run whose process holds no lock is failed.",
        ge=60,
    )
    run_retention_days: int = variable(
        "ETL_RUN_RETENTION_DAYS",
        400,
        "Days that finished runs stay in the registry; 0 keeps them for ever. Facts and receipts always stay.",
        ge=0,
    )
    dagster_retention_days: int = variable(
        "ETL_DAGSTER_RETENTION_DAYS",
        0,
        "Days that ended runs stay in Dagster with their events; 0 keeps them. "
        "Days loaded by a deleted run look unmaterialized in the UI.",
        ge=0,
    )
    log_level: Literal["debug", "info", "warning", "error"] = variable(
        "ETL_LOG_LEVEL",
        "info",
        "What the command line tells: debug adds Dagster's log with tracebacks; info is progress; "
        "warning and error leave it out.",
    )

    alert_urls: str = variable(
        "ALERT_URLS",
        "",
        "Where alerts go: apprise URLs (mail, Slack, Teams, webhook, ...), separated by commas or blanks.",
        repr=False,
    )
    alert_threshold: Severity = variable("ALERT_THRESHOLD", "medium", "The least severity that is told.")
    alert_cooldown_minutes: int = variable(
        "ALERT_COOLDOWN_MINUTES",
        60,
        "Minutes without a second message about the same kind and subject; doubled after each message.",
        ge=5,
        le=1440,
    )
    alert_severities: Severities = variable(
        "ALERT_SEVERITIES", {}, "Severities that differ from the usual, as check_warned=low,tick_failed=critical."
    )
    alert_stale_minutes: int = variable(
        "ALERT_STALE_MINUTES", 30, "Minutes without a sign of life after which a run counts as dead.", ge=1
    )
    alert_send_attempts: int = variable(
        "ALERT_SEND_ATTEMPTS", 20, "Attempts to send a message to one channel before it is given up.", ge=1, le=100
    )
    ui_url: str = variable(
        "LMS_ETL_UI_URL", "", "Address of the Dagster UI for links in messages, such as https://etl.example.org."
    )
    companies: Literal["auto", "iomad", "categories", "site"] = variable(
        "LMS_ETL_COMPANIES",
        "auto",
        "Whose rows readers of course progress may see: IOMAD's companies, top categories, or the whole site as one; "
        "auto: IOMAD's where its tables exist, else the whole site.",
    )
    progress_unconfigured: bool = variable(
        "LMS_ETL_PROGRESS_UNCONFIGURED",
        False,
        "Sync also companies of IOMAD that have no setting of their own yet; top categories and the site always are.",
    )
    progress_parity: bool = variable(
        "LMS_ETL_PROGRESS_PARITY",
        False,
        "Percentage, status and times of course progress by the rules of the plugin that this replaces.",
    )
    progress_hidden_modules: bool = variable(
        "LMS_ETL_PROGRESS_HIDDEN_MODULES", False, "Hidden modules count for the percentage, too."
    )
    progress_failed_modules: bool = variable(
        "LMS_ETL_PROGRESS_FAILED_MODULES", False, "A module completed with a failing grade counts as done."
    )
    progress_overlap: int = variable(
        "LMS_ETL_PROGRESS_OVERLAP",
        600,
        "Seconds before the last sync from which changes are read again: Moodle commits later than it takes the time.",
        ge=0,
        le=86_400,
    )
    progress_seconds: int = variable(
        "LMS_ETL_PROGRESS_SECONDS",
        300,
        "Seconds of an hourly sync; 30 before their end no other company is begun: those left come first next time.",
        ge=60,
        le=3600,
    )

    api_rate_limit: str = variable(
        "API_RATE_LIMIT", "600/minute", "Requests that one user of the API may make, as `number/period`."
    )
    api_failed_limit: str = variable(
        "API_FAILED_LIMIT", "30/minute", "Requests without a valid token that one address may make."
    )
    webhook_tokens: WebhookTokens = variable(
        "ETL_WEBHOOK_TOKENS",
        (),
        "Tokens of the API beside those of `lms-etl token`: `username:SHA-256 in hex`, separated by commas.",
        repr=False,
    )
    api_daily_limit: int = variable(
        "LMS_ETL_API_DAILY_LIMIT",
        100,
        "Calls of the report API that a company without a limit of its own may make on one day; 0: unlimited.",
        ge=0,
    )
    api_max_records: int = variable(
        "LMS_ETL_API_MAX_RECORDS", 1000, "Rows of one answer of the report API.", ge=100, le=10_000
    )
    api_allow_get: bool = variable(
        "LMS_ETL_API_ALLOW_GET",
        False,
        "Whether `/webservice/rest/server.php` answers GET, where tokens stand in URLs, and so in the logs of proxies.",
    )
    api_cache_megabytes: int = variable(
        "LMS_ETL_API_CACHE_MEGABYTES",
        64,
        "Memory for cached answers of the report API in each of its processes; 0: none are kept there.",
        ge=0,
        le=4096,
    )
    api_log_retention_days: int = variable(
        "LMS_ETL_API_LOG_RETENTION_DAYS",
        90,
        "Days that calls of the report API, failed authentication and daily counts stay in the warehouse; 0: for ever.",
        ge=0,
    )
    redis_url: str = variable(
        "REDIS_URL",
        "",
        "Redis or Valkey that counts requests, and keeps answers, for all processes of the API; "
        "empty: each process has its own.",
        repr=False,
    )
    api_connections: int = variable(
        "API_CONNECTIONS", 20, "Connections of one process of the API to the warehouse.", ge=2, le=200
    )
    api_shutdown_seconds: int = variable(
        "API_SHUTDOWN_SECONDS", 300, "Seconds that answers under way may still take when the API is ended.", ge=1
    )
    api_trusted_proxies: str = variable(
        "API_TRUSTED_PROXIES",
        "127.0.0.1",
        "Addresses of proxies whose X-Forwarded-For is believed, separated by commas.",
    )
    api_jwt_secret: str = variable(
        "API_JWT_SECRET",
        "",
        "Secret of at least 32 characters that signs JWTs by HS256; empty: none are accepted.",
        repr=False,
    )
    api_jwt_public_key: str = variable(
        "API_JWT_PUBLIC_KEY",
        "",
        "Public key that verifies JWTs signed by RS256: PEM text, or the path of a file; empty: none are accepted.",
    )
    api_jwt_issuer: str = variable("API_JWT_ISSUER", "", "The `iss` that every JWT must have.")
    api_jwt_audience: str = variable("API_JWT_AUDIENCE", "", "The `aud` that every JWT must have.")
    api_jwt_username_claim: str = variable("API_JWT_USERNAME_CLAIM", "sub", "Claim with the username.")
    api_jwt_directorate_claims: Names = variable(
        "API_JWT_DIRECTORATE_CLAIMS",
        ("fakultas", "kampus"),
        "Claims that name a directorate by name or id; the first one present counts.",
    )
    api_jwt_unit_claims: Names = variable(
        "API_JWT_UNIT_CLAIMS", ("prodi",), "Claims that name a unit by name or id; the first one present counts."
    )
    api_slow_seconds: float = variable(
        "API_SLOW_SECONDS", 5, "Mean seconds of a company's answers above which an alert is raised.", gt=0
    )
    api_min_success_rate: float = variable(
        "API_MIN_SUCCESS_RATE", 0.95, "Share of a company's calls that has to succeed.", ge=0, le=1
    )
    api_min_cache_hit_rate: float = variable(
        "API_MIN_CACHE_HIT_RATE", 0.7, "Share of a company's calls that has to be answered from the cache.", ge=0, le=1
    )
    api_min_calls: int = variable(
        "API_MIN_CALLS", 20, "Calls of a company in an hour below which its calls are not judged.", ge=1
    )
    api_failures_per_address: int = variable(
        "API_FAILURES_PER_ADDRESS", 10, "Failed authentications of an address in an hour that raise an alert.", ge=1
    )
    api_addresses_per_user: int = variable(
        "API_ADDRESSES_PER_USER", 5, "Addresses of one user in an hour that raise an alert.", ge=2
    )
    api_companies_per_user: int = variable(
        "API_COMPANIES_PER_USER", 3, "Companies that one user may read in an hour before an alert is raised.", ge=1
    )
    api_calls_per_user: int = variable(
        "API_CALLS_PER_USER", 200, "Calls that one user may make in an hour before an alert is raised.", ge=1
    )
    monitor_session_hours: float = variable(
        "LMS_ETL_MONITOR_SESSION_HOURS",
        12,
        "Hours after which the monitor page asks for the token again.",
        gt=0,
        le=168,
    )
    monitor_secret: str = variable(
        "LMS_ETL_MONITOR_SECRET",
        "",
        "Secret that signs the monitor's sessions, at least 32 characters; empty: one is made and kept in the home "
        "folder. Several machines need the same.",
        repr=False,
    )

    _demo: bool = PrivateAttr(default=False)

    @field_validator("student_roles", "teacher_roles", mode="before")
    @classmethod
    def _split_roles(cls, value: Any) -> Any:
        words = value.split(",") if isinstance(value, str) else value
        roles = [int(word) if str(word).strip().isdigit() else str(word).strip() for word in words]
        if not any(roles):
            raise ValueError("it names no role; write ids or archetypes such as 5,student")
        return tuple(role for role in roles if role != "")

    @field_validator("alert_urls")
    @classmethod
    def _known_channels(cls, value: str) -> str:
        if value.strip():
            from lms_etl.alerts.channels import parse

            parse(value)
        return value

    @field_validator("alert_severities", mode="before")
    @classmethod
    def _split_severities(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        written = (pair.partition("=") for pair in value.split(",") if pair.strip())
        pairs = {kind.strip(): severity.strip() for kind, _, severity in written}
        unknown = sorted(set(pairs) - set(USUAL))
        if unknown:
            raise ValueError(f"{unknown[0]} is no kind of alert; the kinds are {', '.join(USUAL)}")
        return pairs

    @field_validator("api_jwt_directorate_claims", "api_jwt_unit_claims", mode="before")
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        words = value.split(",") if isinstance(value, str) else value
        return tuple(word.strip() for word in words if word.strip())

    @field_validator("api_rate_limit", "api_failed_limit")
    @classmethod
    def _known_rate(cls, value: str) -> str:
        if not re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour|day)", value):
            raise ValueError("not a number and a period such as 600/minute (second, minute, hour, day)")
        return value

    @field_validator("webhook_tokens", mode="before")
    @classmethod
    def _read_tokens(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [each.strip().rpartition(":") for each in value.split(",") if each.strip()]
        if not all(name and re.fullmatch("[0-9a-f]{64}", digest) for name, _, digest in pairs):
            raise ValueError('each is username:hash; the hash is what `printf %s "$TOKEN" | sha256sum` prints')
        return tuple((name, digest) for name, _, digest in pairs)

    @field_validator("terms", mode="before")
    @classmethod
    def _read_terms(cls, value: Any) -> Any:
        return terms_of(value) if isinstance(value, str) else value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("not an IANA time zone name such as Asia/Jakarta or Europe/Berlin")
        return value

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("monitor_secret")
    @classmethod
    def _long_secret(cls, value: str) -> str:
        if value and len(value) < 32:
            raise ValueError("shorter than 32 characters; make one with `openssl rand -hex 32`")
        return value

    def model_post_init(self, _context: Any) -> None:
        self._demo = not self.moodle_database_url
        folder = self.demo_folder if self._demo else self.home
        self.moodle_database_url = self.moodle_database_url or f"sqlite:///{folder / 'moodle.db'}"
        self.warehouse_database_url = self.warehouse_database_url or f"sqlite:///{folder / 'warehouse.db'}"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def demo_folder(self) -> Path:
        return self.home / "demo"

    @property
    def reads_demo_site(self) -> bool:
        """Whether the source is the embedded synthetic site, because no Moodle is named."""
        return self._demo


def load() -> Settings:
    """Settings as the environment has them now. Raises SettingsError with one line per wrong variable."""
    try:
        settings = Settings()
        if settings.reads_demo_site:
            settings = Settings(_env_file=(settings.demo_folder / "demo.env", ".env"))  # type: ignore[call-arg]
    except ValidationError as error:
        raise SettingsError("\n".join(_complaint(line) for line in error.errors())) from None
    return settings


@cache
def current() -> Settings:
    """The settings of this process, read once."""
    return load()


def variable_name(field: str) -> str:
    """The environment variable of a settings field: `timezone` gives `LMS_ETL_TIMEZONE`."""
    alias = Settings.model_fields[field].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else field


def _complaint(line: Any) -> str:
    location = str(line["loc"][0])
    name = variable_name(location) if location in Settings.model_fields else location.upper()
    if name in {
        variable_name(field) for field, info in Settings.model_fields.items() if not info.repr
    }:  # holds secrets
        return f"{name} cannot be used: {line['msg'].removeprefix('Value error, ')}."
    return (
        f"{name}={os.environ.get(name, line['input'])!r} cannot be used: {line['msg'].removeprefix('Value error, ')}."
    )
