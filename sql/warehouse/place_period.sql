-- One row is one directorate, or one unit with its directorate, or the whole site, over the days of a period, made of
-- the courses that the reader may see. What has no unit or no directorate is a row of its own with NULL there, so the
-- rows of a level sum to the level above: courses, people and every kind of views.
-- People are those of each course's last day in the period, so somebody in two courses counts twice.
-- Active days are no sums: a day counts once for a place, however many of its courses were active.
with seen as (
    select
        a.extraction_date,
        a.moodle_course_id,
        a.distinct_active_days,
        case when :by_directorate = 1 then p.directorate_id end as directorate_id,
        case when :by_directorate = 1 then p.directorate end as directorate,
        case when :by_unit = 1 then p.unit_id end as unit_id,
        case when :by_unit = 1 then p.unit end as unit,
        a.file_views,
        a.video_views,
        a.forum_views,
        a.quiz_views,
        a.assignment_views,
        a.url_views,
        a.total_views,
        a.student_views
    from user_activity_etl a
    left join courses p on p.moodle_course_id = a.moodle_course_id
    where a.extraction_date between :first_day and :last_day
      and (:everything = 1 or p.directorate_id in :directorates or p.unit_id in :units)
),
by_course as (
    select
        moodle_course_id,
        max(directorate_id) as directorate_id,
        max(directorate) as directorate,
        max(unit_id) as unit_id,
        max(unit) as unit,
        max(extraction_date) as last_day,
        sum(file_views) as file_views,
        sum(video_views) as video_views,
        sum(forum_views) as forum_views,
        sum(quiz_views) as quiz_views,
        sum(assignment_views) as assignment_views,
        sum(url_views) as url_views,
        sum(total_views) as total_views,
        sum(student_views) as student_views
    from seen
    group by moodle_course_id
),
places as (
    select
        coalesce(b.directorate_id, 0) as directorate_key,
        coalesce(b.unit_id, 0) as unit_key,
        max(b.directorate_id) as directorate_id,
        max(b.directorate) as directorate,
        max(b.unit_id) as unit_id,
        max(b.unit) as unit,
        count(*) as courses,
        sum(n.num_teachers) as num_teachers,
        sum(n.num_students) as num_students,
        sum(b.file_views) as file_views,
        sum(b.video_views) as video_views,
        sum(b.forum_views) as forum_views,
        sum(b.quiz_views) as quiz_views,
        sum(b.assignment_views) as assignment_views,
        sum(b.url_views) as url_views,
        sum(b.total_views) as total_views,
        sum(b.student_views) as student_views
    from by_course b
    join user_activity_etl n
        on n.extraction_date = b.last_day
        and n.moodle_course_id = b.moodle_course_id
    group by coalesce(b.directorate_id, 0), coalesce(b.unit_id, 0)
),
active as (
    select
        coalesce(directorate_id, 0) as directorate_key,
        coalesce(unit_id, 0) as unit_key,
        min(extraction_date) as first_active,
        max(extraction_date) as last_active,
        count(distinct extraction_date) as distinct_active_days
    from seen
    where distinct_active_days > 0
    group by coalesce(directorate_id, 0), coalesce(unit_id, 0)
)
select
    p.directorate_id,
    p.directorate,
    p.unit_id,
    p.unit,
    p.courses,
    p.num_teachers,
    p.num_students,
    p.file_views,
    p.video_views,
    p.forum_views,
    p.quiz_views,
    p.assignment_views,
    p.url_views,
    p.total_views,
    a.first_active,
    a.last_active,
    coalesce(a.distinct_active_days, 0) as distinct_active_days,
    p.student_views
from places p
left join active a
    on a.directorate_key = p.directorate_key
    and a.unit_key = p.unit_key
order by p.directorate_key, p.unit_key
