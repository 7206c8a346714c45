"""Settings: defaults, where values come from, what is refused, and the table in docs/settings.md."""

import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lms_etl.settings import Settings, SettingsError, load, variable_name

DOCS = Path(__file__).parent.parent / "docs" / "settings.md"
MOODLE = "mysql://reader:s3cret-Pa55@db.example.org/moodle"


def test_without_any_variable_everything_is_embedded_in_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LMS_ETL_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = load()
    assert settings.home == tmp_path / ".lms_etl"
    assert settings.reads_demo_site
    assert settings.moodle_database_url.startswith(f"sqlite:///{settings.home}/")
    assert settings.warehouse_database_url.startswith(f"sqlite:///{settings.home}/")
    assert (settings.moodle_table_prefix, settings.timezone, settings.start_date) == ("mdl_", "UTC", date(2025, 1, 1))
    assert (settings.student_roles, settings.teacher_roles) == ((5,), (3, 4))
    assert (settings.batch_size, settings.merge_batch_size, settings.timeout) == (1000, 500, 300)
    assert not settings.require_objecttable
    assert not settings.page_views_only
    assert not settings.active_enrolments_only
    assert not settings.student_views


def test_values_come_from_a_dotenv_file_in_the_current_folder() -> None:
    Path(".env").write_text("LMS_ETL_TIMEZONE=Asia/Jakarta\nETL_BATCH_SIZE=700\nUNRELATED=1\n")
    assert (load().zone.key, load().batch_size) == ("Asia/Jakarta", 700)


def test_the_environment_beats_the_dotenv_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("LMS_ETL_TIMEZONE=Asia/Jakarta\nETL_BATCH_SIZE=700\n")
    monkeypatch.setenv("LMS_ETL_TIMEZONE", "Europe/Berlin")
    assert (load().timezone, load().batch_size) == ("Europe/Berlin", 700)


def test_other_programs_variables_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load()
    for name, value in {"TIMEZONE": "Asia/Jakarta", "TIMEOUT": "7", "HOME": "/nowhere", "LOG_LEVEL": "DEBUG"}.items():
        monkeypatch.setenv(name, value)
    assert load() == expected


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("LMS_ETL_TIMEZONE", "Mars/Base", "not an IANA time zone"),
        ("LMS_ETL_TIMEZONE", "", "not an IANA time zone"),
        ("MOODLE_TABLE_PREFIX", "mdl_'", "should match"),
        ("MOODLE_TABLE_PREFIX", "mdl_; drop table x", "should match"),
        ("MOODLE_TABLE_PREFIX", "mdl_\n", "should match"),
        ("ETL_BATCH_SIZE", "499", "greater than or equal to 500"),
        ("ETL_BATCH_SIZE", "2001", "less than or equal to 2000"),
        ("ETL_BATCH_SIZE", "many", "valid integer"),
        ("ETL_MERGE_BATCH_SIZE", "499", "greater than or equal to 500"),
        ("ETL_TIMEOUT", "0", "greater than or equal to 1"),
        ("MOODLE_CONNECTIONS", "9", "less than or equal to 8"),
        ("LMS_ETL_START_DATE", "2025-02-30", "valid date"),
        ("LMS_ETL_START_DATE", "01.01.2025", "valid date"),
        ("LMS_ETL_STUDENT_ROLES", "", "names no role"),
        ("LMS_ETL_TEACHER_ROLES", " , ", "names no role"),
        ("LMS_ETL_TERMS", "odd=2025-09-01..2025-13-01", "not a day of the calendar"),
        ("LMS_ETL_TERMS", "odd 2025", "a term is name=first day..last day"),
        ("LMS_ETL_TERMS", "odd=2025-09-02..2025-09-01", "is no term"),
        ("LMS_ETL_TERMS", "a=2025-01-01..2025-02-01,b=2025-02-01..2025-03-01", "'a' and 'b' share days"),
        ("LMS_ETL_TERMS", "a=2025-01-01..2025-02-01,a=2025-03-01..2025-03-01", "the same name"),
        ("LMS_ETL_STUDENT_VIEWS", "perhaps", "valid boolean"),
        ("LMS_ETL_MIN_VOLUME_SHARE", "1.5", "less than or equal to 1"),
        ("ETL_LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_wrong_value_gives_one_line_that_names_variable_and_value(
    variable: str, value: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as refused:
        load()
    message = str(refused.value)
    assert message.startswith(f"{variable}={value!r} cannot be used: ")
    assert complaint in message
    assert "\n" not in message


def test_every_wrong_value_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_BATCH_SIZE", "1")
    Path(".env").write_text("ETL_LOG_LEVEL=loud\n")
    with pytest.raises(SettingsError) as refused:
        load()
    lines = str(refused.value).splitlines()
    assert [line.split(" ")[0] for line in lines] == ["ETL_BATCH_SIZE='1'", "ETL_LOG_LEVEL='loud'"]


@pytest.mark.parametrize(
    ("written", "roles"),
    [
        ("5", (5,)),
        ("5,17", (5, 17)),
        ("student", ("student",)),
        (" 5 , student,,", (5, "student")),
        ("editingteacher,4", ("editingteacher", 4)),
    ],
)
def test_roles_are_ids_or_archetypes(
    written: str, roles: tuple[int | str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMS_ETL_STUDENT_ROLES", written)
    assert load().student_roles == roles


def test_terms_are_read_in_the_order_of_their_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMS_ETL_TERMS", "even = 2026-02-01..2026-07-31, 2025 odd=2025-09-01..2026-01-31,")
    assert load().terms == (
        ("2025 odd", date(2025, 9, 1), date(2026, 1, 31)),
        ("even", date(2026, 2, 1), date(2026, 7, 31)),
    )


@pytest.mark.parametrize("prefix", ["", "m45_", "MDL", "a" * 20])
def test_any_prefix_that_moodle_allows_is_accepted(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODLE_TABLE_PREFIX", prefix)
    assert load().moodle_table_prefix == prefix


def demo_env(text: str) -> None:
    folder = load().demo_folder
    folder.mkdir(parents=True)
    (folder / "demo.env").write_text(text)


def test_the_demos_settings_count_while_no_moodle_is_named() -> None:
    demo_env("LMS_ETL_TIMEZONE=Asia/Jakarta\n")
    assert load().reads_demo_site
    assert load().timezone == "Asia/Jakarta"


def test_the_demos_settings_do_not_count_for_a_real_moodle(monkeypatch: pytest.MonkeyPatch) -> None:
    demo_env("LMS_ETL_TIMEZONE=Asia/Jakarta\n")
    monkeypatch.setenv("MOODLE_DATABASE_URL", MOODLE)
    settings = load()
    assert not settings.reads_demo_site
    assert (settings.timezone, settings.moodle_database_url) == ("UTC", MOODLE)


def test_a_moodle_named_in_the_dotenv_file_is_real_too() -> None:
    demo_env("LMS_ETL_TIMEZONE=Asia/Jakarta\n")
    Path(".env").write_text(f"MOODLE_DATABASE_URL={MOODLE}\n")
    assert (load().timezone, load().reads_demo_site) == ("UTC", False)


def test_what_people_set_beats_the_demos_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    demo_env("LMS_ETL_TIMEZONE=Asia/Jakarta\nLMS_ETL_START_DATE=2025-06-01\nETL_BATCH_SIZE=700\n")
    Path(".env").write_text("LMS_ETL_TIMEZONE=Europe/Berlin\n")
    monkeypatch.setenv("ETL_BATCH_SIZE", "800")
    settings = load()
    assert (settings.timezone, settings.start_date, settings.batch_size) == ("Europe/Berlin", date(2025, 6, 1), 800)


@pytest.mark.parametrize("variable", ["MOODLE_DATABASE_URL", "WAREHOUSE_DATABASE_URL", "DAGSTER_POSTGRES_URL"])
def test_no_password_shows_when_settings_are_printed(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, MOODLE)
    settings = load()
    assert "s3cret-Pa55" in str(settings.model_dump())
    assert "s3cret" not in repr(settings) + str(settings) + f"{settings}"


def shown(default: Any) -> str:
    """A default as people write it in a variable."""
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default)


def test_docs_list_every_variable_with_its_default_and_meaning() -> None:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in DOCS.read_text().splitlines()]
    rows = {row[0].strip("`"): row for row in cells if len(row) == 4 and row[0].startswith("`")}
    for field, info in Settings.model_fields.items():
        name = variable_name(field)
        assert name in rows, f"docs/settings.md lacks {name}"
        default, unit, meaning = rows.pop(name)[1:]
        assert default == (f"`{shown(info.default)}`" if info.default not in ("", (), {}) else "empty"), name
        assert unit, name
        assert meaning == info.description, name
    assert not rows, f"docs/settings.md lists variables that do not exist: {sorted(rows)}"


def test_docs_describe_the_three_places_that_values_come_from() -> None:
    text = DOCS.read_text()
    assert all(place in text for place in ("environment", "`.env`", "`demo/demo.env`"))


def test_the_tests_themselves_see_no_setting_of_the_user() -> None:
    ours = {variable_name(field) for field in Settings.model_fields}
    assert ours & set(os.environ) == {"LMS_ETL_HOME"}
