"""The three tables with dlt: the viewed rows of the log loaded into the warehouse by dlt, then SQL.

dlt copies what the SQL needs into staging tables: the log's viewed rows, role assignments, course contexts, courses,
categories. Here with its defaults, as its documentation has it; `with_dlt_tuned` uses the fastest of the ways tried
(README). In SQLite the staging tables lie in the warehouse's own file, dlt's dataset `main`.
"""

import os
import tempfile
from typing import Any

import dlt
import sqlalchemy as sa
from dlt.sources.sql_database import sql_table

from benchmarks.contenders import period

STAGING = {"postgresql": "staging", "sqlite": "main"}
LOCAL_DAY = {
    "postgresql": "cast(to_timestamp(timecreated) at time zone :zone as date)",
    "sqlite": "date(timecreated + :offset, 'unixepoch')",
}
FILL = (
    """
    insert into activity_counts_etl (courseid, extraction_date, file_views, video_views, forum_views, quiz_views,
        assignment_views, url_views, active_days, distinct_active_days)
    select coalesce(courseid, 0), {day},
        count(case when component = 'mod_resource' then 1 end), count(case when component = 'mod_page' then 1 end),
        count(case when component = 'mod_forum' then 1 end), count(case when component = 'mod_quiz' then 1 end),
        count(case when component = 'mod_assign' then 1 end), count(case when component = 'mod_url' then 1 end),
        1, 1
    from {staging}.mdl_logstore_standard_log
    group by 1, 2
    """,
    """
    insert into user_counts_etl (courseid, extraction_date, num_students, num_teachers, basis)
    select courseid, day, num_students, num_teachers, 'current'
    from (
        select ctx.instanceid as courseid,
            count(distinct case when ra.roleid = 5 then ra.userid end) as num_students,
            count(distinct case when ra.roleid in (3, 4) then ra.userid end) as num_teachers
        from {staging}.mdl_role_assignments ra
        join {staging}.mdl_context ctx on ctx.id = ra.contextid
        group by ctx.instanceid
    ) people
    cross join calendar
    """,
    """
    insert into user_activity_etl (moodle_course_id, course_id, id_number, course_name, course_shortname,
        extraction_date, num_teachers, num_students, file_views, video_views, forum_views, quiz_views,
        assignment_views, url_views, active_days, distinct_active_days, total_views, avg_activity_per_student_per_day)
    select moodle_course_id, course_id, id_number, course_name, course_shortname,
        day, num_teachers, num_students, file_views, video_views, forum_views, quiz_views,
        assignment_views, url_views, active_days, distinct_active_days, total_views,
        (200 * total_views + num_students * active_days) / nullif(2 * num_students * active_days, 0) / 100.0
    from (
        select c.id as moodle_course_id, cc.idnumber as course_id, c.idnumber as id_number, c.fullname as course_name,
            c.shortname as course_shortname, calendar.day as day,
            coalesce(uc.num_teachers, 0) as num_teachers, coalesce(uc.num_students, 0) as num_students,
            coalesce(ac.file_views, 0) as file_views, coalesce(ac.video_views, 0) as video_views,
            coalesce(ac.forum_views, 0) as forum_views, coalesce(ac.quiz_views, 0) as quiz_views,
            coalesce(ac.assignment_views, 0) as assignment_views, coalesce(ac.url_views, 0) as url_views,
            coalesce(ac.active_days, 0) as active_days, coalesce(ac.distinct_active_days, 0) as distinct_active_days,
            coalesce(ac.file_views + ac.video_views + ac.forum_views + ac.quiz_views + ac.assignment_views
                + ac.url_views, 0) as total_views
        from {staging}.mdl_course c
        join {staging}.mdl_course_categories cc on cc.id = c.category
        cross join calendar
        left join activity_counts_etl ac on ac.extraction_date = calendar.day and ac.courseid = c.id
        left join user_counts_etl uc on uc.extraction_date = calendar.day and uc.courseid = c.id
        where c.visible = 1 and cc.idnumber is not null
    ) joined
    """,
)


DEFAULTS = {"backend": "sqlalchemy", "file_format": None}


def main(backend: str, file_format: Any) -> None:
    """Copies and fills; `file_format` is that of dlt's load packages, None for the destination's own."""
    asked = period.asked()
    url = sa.make_url(os.environ["WAREHOUSE_DATABASE_URL"])
    staging = STAGING[url.get_backend_name()]
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline("bench", destination=destination(url), dataset_name=staging, pipelines_dir=folder)
        pipeline.run(
            copied_tables(asked, backend),
            write_disposition="replace",
            loader_file_format=file_format,
        )
    fill(url, staging, asked)


def destination(url: sa.URL) -> Any:
    if url.get_backend_name() == "sqlite":
        return dlt.destinations.sqlalchemy(url.render_as_string(hide_password=False))
    # A password is required, also by a server that asks for none.
    plain = url.set(drivername="postgresql", password=url.password or "none")
    return dlt.destinations.postgres(plain.render_as_string(hide_password=False))


def copied_tables(asked: period.Period, backend: str) -> list[Any]:
    start, end = asked.bounds
    viewed = f"contextlevel = 70 and action = 'viewed' and timecreated >= {start} and timecreated < {end}"
    wanted = (
        ("logstore_standard_log", ["courseid", "component", "timecreated"], viewed),
        ("role_assignments", ["roleid", "contextid", "userid"], "1 = 1"),
        ("context", ["id", "instanceid"], "contextlevel = 50"),
        ("course", ["id", "category", "idnumber", "fullname", "shortname", "visible"], "1 = 1"),
        ("course_categories", ["id", "idnumber"], "1 = 1"),
    )
    return [copied(backend, *each) for each in wanted]


def copied(backend: str, table: str, columns: list[str], condition: str) -> Any:
    url = sa.make_url(os.environ["MOODLE_DATABASE_URL"])
    if backend == "connectorx":
        url = url.set(query={})  # it refuses PyMySQL's `charset`
    resource = sql_table(
        credentials=url.render_as_string(hide_password=False),
        table=f"mdl_{table}",
        included_columns=columns,
        query_adapter_callback=lambda query, _: query.where(sa.text(condition)),
        backend=backend,
    )
    return resource.apply_hints(primary_key=[])  # else it misses the id, which is not copied


def fill(url: sa.URL, staging: str, asked: period.Period) -> None:
    day = LOCAL_DAY[url.get_backend_name()]
    local = {"zone": asked.zone.key, "offset": int(asked.offset.total_seconds())}
    with sa.create_engine(url).begin() as target:
        target.execute(sa.text("create temporary table calendar (day date primary key)"))
        target.execute(sa.text("insert into calendar values (:day)"), [{"day": str(each)} for each in asked.days()])
        for statement in FILL:
            text = sa.text(statement.format(staging=staging, day=day))
            target.execute(text, {name: local[name] for name in local if f":{name}" in str(text)})


if __name__ == "__main__":
    main(**DEFAULTS)
