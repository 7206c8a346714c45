"""What Dagster is told: asset keys, descriptions, schedules, and that the code location loads."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from lms_etl.activity import automation
from lms_etl.days import daily_partitions
from lms_etl.definitions import defs
from lms_etl.warehouse import receipts, schema, tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.warehouse.rows import warehouse_at

ASSETS = {
    "courses": tables.courses,
    "activity_counts": tables.activity_counts,
    "user_counts": tables.user_counts,
    "user_activity": tables.user_activity,
    "companies": tables.companies,
    "course_progress": tables.course_progress,
}
PROGRESS = ("companies", "course_progress")


def test_the_code_location_loads_and_holds_these_assets() -> None:
    dg.Definitions.validate_loadable(defs)
    assert {key.to_user_string() for key in defs.resolve_all_asset_keys()} == set(ASSETS)


def test_the_report_depends_on_courses_and_both_counts() -> None:
    graph = defs.resolve_asset_graph()
    parents = graph.get(dg.AssetKey("user_activity")).parent_keys
    assert {key.to_user_string() for key in parents} == {"courses", "activity_counts", "user_counts"}


@pytest.mark.parametrize("name", ASSETS)
def test_every_asset_tells_group_owner_kinds_table_and_each_column(name: str) -> None:
    node = defs.resolve_asset_graph().get(dg.AssetKey(name))
    assert node.group_name == ("progress" if name in PROGRESS else "activity")
    assert list(node.owners) == ["team:data-engineering"]
    assert node.kinds == ({"sql"} if name == "companies" else {"sql", "pandas"})
    assert len(node.description or "") > 100
    table = ASSETS[name]
    assert node.metadata["dagster/table_name"] == table.name
    columns = node.metadata["dagster/column_schema"].columns
    assert [(column.name, column.description) for column in columns] == [(c.name, c.comment) for c in table.columns]


def test_these_checks_block_and_those_warn() -> None:
    specs = [spec for check in defs.asset_checks or [] for spec in check.check_specs]
    blocking = {f"{spec.asset_key.to_user_string()}:{spec.name}" for spec in specs if spec.blocking}
    assert blocking == {
        "activity_counts:source_and_warehouse_agree",
        "activity_counts:each_course_stands_once_a_day",
        "user_counts:each_course_stands_once_a_day",
        "user_activity:each_course_stands_once_a_day",
        "user_activity:total_is_the_sum_of_its_parts",
        "user_activity:every_visible_course_is_present",
        "course_progress:source_and_warehouse_agree",
        "course_progress:each_user_stands_once_in_a_course",
        "course_progress:percentages_are_possible",
    }
    assert {spec.name for spec in specs if not spec.blocking} == {
        "last_sync_succeeded",
        "there_was_a_sync_in_time",
        "few_runs_fail",
        "no_window_was_missed",
        "most_active_courses_have_an_average",
        "volume_is_as_on_the_same_weekday",
    }


def test_a_backfill_of_any_length_is_one_run() -> None:
    for name in ("activity_counts", "user_counts", "user_activity"):
        policy = defs.resolve_asset_graph().get(dg.AssetKey(name)).backfill_policy
        assert policy == dg.BackfillPolicy.single_run()


def test_the_schedule_runs_by_itself_at_two_in_the_night_site_time() -> None:
    schedule = automation.user_activity_schedule
    assert schedule.cron_schedule == "0 2 * * *"
    assert schedule.execution_timezone == "UTC"
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


def tick(warehouse: Warehouse, at: datetime) -> dg.RunRequest | dg.SkipReason:
    """What the schedule answers to a tick."""
    context = dg.build_schedule_context(scheduled_execution_time=at, resources={"warehouse": warehouse})
    return automation.user_activity_schedule(context)


TWO = datetime(2026, 3, 23, 2, tzinfo=UTC)


@pytest.fixture
def warehouse(sqlite_url: str) -> Iterator[Warehouse]:
    with warehouse_at(sqlite_url) as opened:
        schema.migrate(opened)
        yield opened


def test_a_tick_loads_the_day_that_ended_two_hours_before(
    warehouse: Warehouse, stand_at: Callable[[str], datetime]
) -> None:
    """Also the first tick of all: an empty warehouse is no reason to skip."""
    stand_at("2026-03-23 02:00:01")
    request = tick(warehouse, TWO)
    assert request.partition_key == "2026-03-22"
    assert request.tags["lms_etl/trigger"] == "schedule"


def test_a_tick_of_a_finished_day_says_when_it_was_loaded(
    warehouse: Warehouse, stand_at: Callable[[str], datetime]
) -> None:
    at = stand_at("2026-03-23 01:30:09")
    with warehouse.writing() as connection:
        receipts.record(connection, "user_activity", date(2026, 3, 22), 7, at.replace(tzinfo=None), 1, None, at.tzinfo)
    skipped = tick(warehouse, TWO)
    assert skipped.skip_message.startswith("2026-03-22 was loaded at 2026-03-23 01:30:09 by run 7.")


def test_a_tick_that_comes_after_the_window_starts_nothing(
    warehouse: Warehouse, stand_at: Callable[[str], datetime]
) -> None:
    stand_at("2026-03-24 00:00")
    assert tick(warehouse, TWO).skip_message.startswith("ETL time window expired: 2026-03-22")


def test_a_warehouse_that_does_not_answer_is_no_reason_to_skip(stand_at: Callable[[str], datetime]) -> None:
    stand_at("2026-03-23 02:00:01")
    with warehouse_at("postgresql://etl:secret@127.0.0.1:9/lms") as away:
        assert tick(away, TWO).partition_key == "2026-03-22"


def test_a_tick_before_the_first_complete_day_says_why_it_does_nothing() -> None:
    with warehouse_at("sqlite://") as unused:
        skipped = tick(unused, datetime(2025, 1, 1, 2, tzinfo=UTC))
    assert "No day is complete yet: the first one is 2025-01-01 (LMS_ETL_START_DATE)" in skipped.skip_message


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        (datetime(2026, 3, 9, 2, tzinfo=ZoneInfo("America/New_York")), "2026-03-08"),
        (datetime(2026, 11, 2, 0, 1, tzinfo=ZoneInfo("America/New_York")), "2026-11-01"),
        (datetime(2026, 11, 1, 23, 59, tzinfo=ZoneInfo("America/New_York")), "2026-10-31"),
    ],
)
def test_the_newest_partition_is_the_last_complete_local_day_across_clock_changes(now: datetime, newest: str) -> None:
    partitions = daily_partitions(datetime(2026, 1, 1, tzinfo=UTC).date(), ZoneInfo("America/New_York"))
    assert partitions.get_partition_keys(current_time=now)[-1] == newest
