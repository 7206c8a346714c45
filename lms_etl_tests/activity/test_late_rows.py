"""Rows that Moodle writes into closed days: found by id, their days asked for again, restated; purged days are kept."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from lms_etl.activity import late_rows, late_sensor
from lms_etl.activity.late_sensor import look
from lms_etl.definitions import defs
from lms_etl.warehouse import queue, registry, restatements, tables, watermarks
from lms_etl.warehouse.tables import etl_job_runs as runs
from lms_etl_tests.activity.conftest import Etl, fill
from lms_etl_tests.site import Site

NOW = datetime(2026, 4, 2, 9, tzinfo=UTC)
RESTORED: dict[str, Any] = {"origin": None, "ip": None}
"""What a restored row has instead of the values that a backup does not keep."""


def requests(etl: Etl) -> list[dict[str, Any]]:
    """The waiting requests, oldest first."""
    frame = etl.warehouse.frame(tables.etl_job_runs)
    return frame[frame["status"] == "QUEUED"].sort_values("id").to_dict("records")


def asked_days(etl: Etl) -> list[str]:
    return [str(row["target_date"]) for row in requests(etl)]


def set_state(etl: Etl, run: int, status: str) -> None:
    """What the request sensor does with a row of the queue: it runs, and then it has ended."""
    live = {} if status == "RUNNING" else {"live_key": None}
    with etl.warehouse.engine.begin() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run).values(status=status, **live))


def work_off(etl: Etl) -> list[bool]:
    """Runs each waiting request as the request sensor does; returns whether each succeeded."""
    ended = []
    for row in requests(etl):
        set_state(etl, row["id"], "RUNNING")
        key, force = str(row["target_date"]), bool(row["forced"])
        result = etl.run(key, job=queue.JOBS[row["job_name"]], force=force, trigger=row["trigger"])
        set_state(etl, row["id"], "SUCCESS" if result.success else "FAILED")
        ended.append(result.success)
    return ended


def restated(etl: Etl, job: str = "user_activity") -> list[dict[str, Any]]:
    with etl.warehouse.reading() as connection:
        return [row for row in restatements.latest(connection, date.min) if row["job_name"] == job]


def look_days_after_the_load(etl: Etl) -> str:
    """A look that nothing but the log's ids can tell to examine a day: its load was long before the look before."""
    with etl.warehouse.engine.begin() as connection:
        connection.execute(sa.update(tables.etl_days).values(last_completed_at=datetime(2026, 3, 27)))  # noqa: DTZ001
    return look(etl.moodle, etl.warehouse, NOW)


def total_views(etl: Etl) -> dict[str, int]:
    frame = etl.report()
    return {str(day): int(total) for day, total in frame.groupby("extraction_date")["total_views"].sum().items()}


def test_a_restore_of_a_course_two_weeks_back_reopens_exactly_its_days_and_a_purge_loses_nothing(etl: Etl) -> None:
    """The whole story on each pair of databases: load, restore, look, reload, purge."""
    ids = fill(etl.site)
    assert etl.run("2026-03-18", "2026-03-26").success
    assert "no row in a closed day" in look(etl.moodle, etl.warehouse, NOW)
    for day, times in (("2026-03-18", 5), ("2026-03-22", 7)):
        etl.site.view(ids["botany"], "mod_forum", at=f"{day} 09:00", by=3, times=times, **RESTORED)
    etl.site.view(ids["botany"], "mod_forum", at="2026-04-02 08:00", by=3, times=4)

    told = look(etl.moodle, etl.warehouse, NOW)
    assert "rows in 2 closed days" in told
    assert asked_days(etl) == ["2026-03-18", "2026-03-22"]
    assert {(row["job_name"], row["trigger"], row["forced"]) for row in requests(etl)} == {("pipeline", "late", 1)}
    reason = requests(etl)[1]["reason"]
    assert reason.startswith("restore: 7 rows of this day were written to Moodle's log under ids 22 to 28")
    assert reason.endswith("seen up to 11.0 days after they happened")

    assert work_off(etl) == [True, True]
    assert total_views(etl)["2026-03-22"] == 14
    assert total_views(etl)["2026-03-18"] == 5
    look(etl.moodle, etl.warehouse, NOW)
    assert requests(etl) == []

    records = {str(row["target_date"]): row for row in restated(etl)}
    assert sorted(records) == ["2026-03-18", "2026-03-22"]
    changed = records["2026-03-22"]
    assert (changed["total_before"], changed["total_after"], changed["measure"]) == (7, 14, "views")
    assert (changed["biggest_course"], changed["biggest_change"], changed["courses_changed"]) == (ids["botany"], 7, 1)
    assert changed["reason"] == reason
    [counted] = [row for row in restated(etl, "activity_counts") if str(row["target_date"]) == "2026-03-22"]
    assert (counted["rows_read_before"], counted["rows_read_after"]) == (8, 15)

    before = etl.report()
    etl.site.delete_views(before="2026-03-23 00:00")
    refused = etl.run("2026-03-22")
    failure = refused.failure_data_for_node("activity_counts").user_failure_data.description
    assert failure.startswith("2026-03-22 stays as it is: the source holds 0 rows of it, and it was loaded from 15.")
    assert "--force" in failure
    assert etl.report().equals(before)


def test_rows_that_waited_in_a_buffer_reopen_the_last_complete_day_also_after_it_was_loaded(small_etl: Etl) -> None:
    ids = fill(small_etl.site)
    now = datetime(2026, 3, 25, 3, tzinfo=UTC)
    small_etl.run("2026-03-22", "2026-03-24")
    look(small_etl.moodle, small_etl.warehouse, now)
    small_etl.site.view(ids["algebra"], "mod_quiz", at="2026-03-24 23:58", times=3)
    look(small_etl.moodle, small_etl.warehouse, now)
    assert [(str(row["target_date"]), row["reason"]) for row in requests(small_etl)] == [
        (
            "2026-03-24",
            "buffer: 3 rows of this day were written to Moodle's log under ids 17 to 19, "
            "seen up to 3.0 h after they happened",
        )
    ]


def test_a_row_committed_late_under_an_id_below_the_watermark_reopens_its_day(small_etl: Etl) -> None:
    """Ids are given at insert and seen at commit: the overlap catches those that the watermark has passed."""
    ids = fill(small_etl.site)
    small_etl.site.view(ids["algebra"], at="2026-03-25 10:00", id=20)
    small_etl.run("2026-03-22", "2026-03-25")
    look_days_after_the_load(small_etl)
    small_etl.site.view(ids["algebra"], at="2026-03-25 09:59", id=18)
    look_days_after_the_load(small_etl)
    assert asked_days(small_etl) == ["2026-03-25"]
    assert requests(small_etl)[0]["reason"].startswith("late rows: 1 row of this day was written")


def test_rows_seen_twice_reopen_their_day_once(small_etl: Etl) -> None:
    ids = fill(small_etl.site)
    small_etl.run("2026-03-22", "2026-03-24")
    look_days_after_the_load(small_etl)
    small_etl.site.view(ids["algebra"], at="2026-03-22 09:00", **RESTORED)
    look_days_after_the_load(small_etl)
    look_days_after_the_load(small_etl)
    assert len(requests(small_etl)) == 1
    work_off(small_etl)
    for _ in range(3):
        assert "no row in a closed day" in look_days_after_the_load(small_etl)
    assert small_etl.registry("pipeline") == [("2026-03-22", "SUCCESS")]


def test_a_day_that_is_being_loaded_holds_the_watermark_until_that_has_ended(small_etl: Etl) -> None:
    ids = fill(small_etl.site)
    small_etl.run("2026-03-22", "2026-03-24")
    look_days_after_the_load(small_etl)
    small_etl.site.view(ids["algebra"], at="2026-03-22 09:00", **RESTORED)
    with small_etl.warehouse.engine.begin() as connection:
        run = registry.start(connection, "activity_counts", date(2026, 3, 22), registry.Caller(), 1000)
    assert "1 of them (2026-03-22; 1 rows) are being loaded right now" in look(
        small_etl.moodle, small_etl.warehouse, NOW
    )
    assert asked_days(small_etl) == []
    set_state(small_etl, run, "SUCCESS")
    look_days_after_the_load(small_etl)
    assert asked_days(small_etl) == ["2026-03-22"]


def test_a_day_loaded_from_before_a_row_that_the_look_has_passed_is_asked_for_again(
    small_etl: Etl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load reads, a row comes, a look passes it while the day is not loaded yet, the load commits without it."""
    ids = fill(small_etl.site)
    small_etl.run("2026-03-22")
    look_days_after_the_load(small_etl)
    read, told = small_etl.moodle.activity_counts, []

    def overtaken(day: Any) -> Any:
        slow.undo()
        views = read(day)
        small_etl.site.view(ids["algebra"], at="2026-03-24 09:00", **RESTORED)
        told.append(look(small_etl.moodle, small_etl.warehouse, NOW))
        return views

    with monkeypatch.context() as slow:
        slow.setattr(small_etl.moodle, "activity_counts", overtaken)
        small_etl.run("2026-03-24", job="activity_counts_job")
    assert small_etl.registry("activity_counts")[-1] == ("2026-03-24", "SUCCESS")
    assert "(2026-03-24; 9 rows) are not loaded yet" in told[0]
    look(small_etl.moodle, small_etl.warehouse, NOW)
    assert asked_days(small_etl) == ["2026-03-24"]


def test_a_look_killed_before_its_commit_has_asked_for_nothing_and_the_next_one_asks_for_all(
    etl: Etl, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = fill(etl.site)
    etl.run("2026-03-22", "2026-03-24")
    look_days_after_the_load(etl)
    for day in ("2026-03-22", "2026-03-24"):
        etl.site.view(ids["algebra"], at=f"{day} 09:00", **RESTORED)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as kill:
        kill.setattr(late_sensor.watermarks, "move", killed)
        with pytest.raises(KeyboardInterrupt):
            look_days_after_the_load(etl)
    assert asked_days(etl) == []
    look_days_after_the_load(etl)
    assert asked_days(etl) == ["2026-03-22", "2026-03-24"]


def test_days_before_the_start_and_days_never_loaded_are_told_and_left_alone(small_etl: Etl) -> None:
    ids = fill(small_etl.site)
    small_etl.run("2026-03-24")
    look(small_etl.moodle, small_etl.warehouse, NOW)
    small_etl.site.view(ids["algebra"], at="2024-05-05 09:00", times=2, **RESTORED)
    small_etl.site.view(ids["algebra"], at="2026-03-23 09:00", **RESTORED)
    told = look(small_etl.moodle, small_etl.warehouse, NOW)
    assert "1 of them (2026-03-23; 1 rows) are not loaded yet; their rows come with the first load." in told
    assert "1 of them (2024-05-05; 2 rows) lie before LMS_ETL_START_DATE; their rows are left out." in told
    assert requests(small_etl) == []


def test_a_purged_day_into_which_a_restore_falls_is_told_and_keeps_its_numbers(small_etl: Etl) -> None:
    ids = fill(small_etl.site)
    small_etl.run("2026-03-22", "2026-03-24")
    small_etl.site.delete_views(before="2026-03-23 00:00")
    small_etl.site.view(ids["algebra"], at="2026-03-22 09:00", times=2, **RESTORED)
    assert "(2026-03-22; 2 rows) gained rows, but Moodle holds fewer" in look(
        small_etl.moodle, small_etl.warehouse, NOW
    )
    assert requests(small_etl) == []
    assert not small_etl.run("2026-03-22", force=True, trigger="late").success
    assert total_views(small_etl)["2026-03-22"] == 7


@pytest.mark.long
def test_a_flood_is_worked_off_in_portions_that_overlap(small_etl: Etl, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = fill(small_etl.site)
    small_etl.run("2026-03-01", "2026-03-24")
    look_days_after_the_load(small_etl)
    for day in range(1, 11):
        small_etl.site.view(ids["botany"], at=f"2026-03-{day:02} 09:00", times=10, **RESTORED)
    monkeypatch.setattr(small_etl.moodle.settings, "late_overlap", 50)
    asked = []
    for _ in range(3):
        look_days_after_the_load(small_etl)
        asked.append(len(requests(small_etl)))
    assert asked == [5, 10, 10]
    assert all(work_off(small_etl))
    for _ in range(2):
        assert look_days_after_the_load(small_etl).endswith("no row in a closed day.")
    assert [total_views(small_etl)[f"2026-03-{day:02}"] for day in (1, 10, 11, 22)] == [10, 10, 0, 7]


def test_gaps_between_ids_do_not_hold_the_look_back(small_etl: Etl, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = fill(small_etl.site)
    small_etl.run("2026-03-22", "2026-03-24")
    look(small_etl.moodle, small_etl.warehouse, NOW)
    monkeypatch.setattr(small_etl.moodle.settings, "late_overlap", 100)
    small_etl.site.view(ids["botany"], at="2026-03-24 09:00", id=50_000_000)
    look(small_etl.moodle, small_etl.warehouse, NOW)
    assert asked_days(small_etl) == ["2026-03-24"]


def test_a_log_that_is_shorter_than_the_watermark_is_told_and_looked_at_from_its_end(etl: Etl) -> None:
    ids = fill(etl.site)
    etl.run("2026-03-22", "2026-03-24")
    look(etl.moodle, etl.warehouse, NOW)
    etl.site.delete_views()
    told = look(etl.moodle, etl.warehouse, NOW)
    assert told.startswith("Moodle's log ended at id 0, below 16 that was seen before")
    frame = etl.warehouse.frame(tables.etl_watermarks)
    assert frame["source_max_id"].tolist() == [0]
    assert "The watermark was set back to 0" in frame["reason"].item()
    assert "no new id" in look(etl.moodle, etl.warehouse, NOW)
    etl.site.view(ids["algebra"], at="2026-03-22 09:00", times=20, **RESTORED)
    look(etl.moodle, etl.warehouse, NOW)
    assert asked_days(etl) == ["2026-03-22"]


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"])
def test_rows_around_midnight_are_found_under_their_own_days(database_url: str, zone: str) -> None:
    """Kathmandu is 5:45 ahead of UTC; the clocks of the other two change on the days looked at."""
    with Site(database_url, zone=zone) as site:
        day = site.day("2026-03-08" if zone == "America/New_York" else "2026-04-05")
        for moment in (day.start - 1, day.start, day.start + 1, day.end - 1, day.end):
            site.view(7, at=moment)
        site.view(7, at=day.start, origin=None)
        found = late_rows.by_day(site.moodle().look_at_log(0, 0, 100, day.end + 1).late, site.zone)
    assert [(found_day.date, sum(each.log_rows for each in rows)) for found_day, rows in found.items()] == [
        (day.date - timedelta(days=1), 1), (day.date, 4), (day.date + timedelta(days=1), 1),
    ]  # fmt: skip
    assert sum(each.log_rows for rows in found.values() for each in rows if each.restored) == 1


def test_two_looks_at_once_ask_once(small_etl: Etl, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = fill(small_etl.site)
    small_etl.run("2026-03-22", "2026-03-24")
    look(small_etl.moodle, small_etl.warehouse, NOW)
    small_etl.site.view(ids["algebra"], at="2026-03-22 09:00", **RESTORED)
    read = small_etl.moodle.look_at_log
    with monkeypatch.context() as slow:

        def overtaken(*arguments: int) -> Any:
            slow.undo()
            look(small_etl.moodle, small_etl.warehouse, NOW.replace(minute=1))
            return read(*arguments)

        slow.setattr(small_etl.moodle, "look_at_log", overtaken)
        assert look(small_etl.moodle, small_etl.warehouse, NOW) == "Another look at the log was under way."
    assert asked_days(small_etl) == ["2026-03-22"]


def test_the_sensor_says_what_it_saw_and_when_it_looks_again(small_etl: Etl) -> None:
    ids = fill(small_etl.site)
    small_etl.run("2026-03-22", "2026-03-24")
    sensor = late_sensor.late_rows_sensor
    assert sensor in (defs.sensors or [])
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    resources = {"moodle": small_etl.moodle, "warehouse": small_etl.warehouse}
    with dg.build_sensor_context(instance=small_etl.instance, resources=resources) as context:
        first = sensor.evaluate_tick(context)
        small_etl.site.view(ids["algebra"], at="2026-03-22 09:00", **RESTORED)
        second = sensor.evaluate_tick(context)
    assert (first.run_requests, second.run_requests) == ([], [])
    assert first.skip_message == "Looked at no new id of Moodle's log: no row in a closed day. Looks again in 2 min."
    assert second.skip_message == (
        "Looked at ids 17 to 17 of Moodle's log: rows in 1 closed days. 1 of them (2026-03-22; 1 rows) gained rows and "
        "are asked for again. Looks again in 2 min."
    )


def test_a_range_over_purged_days_keeps_these_tells_each_and_loads_the_others(etl: Etl) -> None:
    ids = fill(etl.site)
    etl.run("2026-03-22", "2026-03-24")
    before = etl.report("2026-03-22")
    etl.site.delete_views(before="2026-03-24 00:00")
    etl.site.view(ids["botany"], "mod_url", at="2026-03-24 09:00", times=2)
    result = etl.run("2026-03-22", "2026-03-24")
    assert result.success
    assert etl.registry("activity_counts")[3:] == [
        ("2026-03-22", "SKIPPED"), ("2026-03-23", "SUCCESS"), ("2026-03-24", "SUCCESS"),
    ]  # fmt: skip
    kept = etl.materialized("activity_counts")["2026-03-22"]["kept"]
    assert kept.startswith("2026-03-22 stays as it is: the source holds 0 rows of it, and it was loaded from 8.")
    skipped = etl.warehouse.frame(tables.etl_job_runs).query("status == 'SKIPPED'")
    assert skipped["reason"].tolist() == [kept]
    assert total_views(etl) == {"2026-03-22": 7, "2026-03-23": 0, "2026-03-24": 9}
    assert etl.report("2026-03-22").drop(columns="updated_at").equals(before.drop(columns="updated_at"))
    [agrees] = [
        check for check in result.get_asset_check_evaluations() if check.check_name == "source_and_warehouse_agree"
    ]
    assert agrees.metadata["kept_though_purged"].value == "2026-03-22"


def test_a_forced_load_takes_the_purged_day_as_it_is_now(small_etl: Etl) -> None:
    fill(small_etl.site)
    small_etl.run("2026-03-22")
    small_etl.site.delete_views(before="2026-03-23 00:00")
    assert small_etl.run("2026-03-22", force=True).success
    assert total_views(small_etl) == {"2026-03-22": 0}
    [record] = restated(small_etl)
    assert (record["total_before"], record["total_after"], record["reason"]) == (7, 0, "loaded again by backfill")


def test_a_first_load_and_a_load_that_changes_nothing_are_no_restatement(small_etl: Etl) -> None:
    fill(small_etl.site)
    small_etl.run("2026-03-22", "2026-03-24")
    small_etl.run("2026-03-22", "2026-03-24")
    assert small_etl.warehouse.frame(tables.etl_restatements).empty


def test_a_restatement_goes_when_its_load_fails(etl: Etl, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = fill(etl.site)
    etl.run("2026-03-22")
    etl.site.view(ids["algebra"], at="2026-03-22 09:00")

    def broken(*_: Any) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as failing:
        failing.setattr("lms_etl.warehouse.receipts.record", broken)
        assert not etl.run("2026-03-22", job="activity_counts_job").success
    assert etl.warehouse.frame(tables.etl_restatements).empty


def test_the_watermark_of_another_look_is_not_overwritten(small_etl: Etl) -> None:
    with small_etl.warehouse.engine.begin() as connection:
        mark = watermarks.Watermark(5, 0, 5, NOW.replace(tzinfo=None))
        watermarks.move(connection, None, mark)
        assert watermarks.read(connection) == mark
        with pytest.raises(watermarks.MovedMeanwhileError):
            watermarks.move(connection, None, mark)
        older = watermarks.Watermark(4, 0, 4, NOW.replace(tzinfo=None, minute=1))
        with pytest.raises(watermarks.MovedMeanwhileError):
            watermarks.move(connection, older, mark)
