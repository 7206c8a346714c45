-- One row is one course of the report on one local day: every visible course whose category has an idnumber, in a
-- range of ids, with the views and the people that are loaded for the day.
-- The average is rounded half up in whole numbers: (200 t + d) / 2 d hundredths. The remainder is taken off before the
-- division, because MySQL's division of whole numbers would round its fourth decimal.
with counted as (
    select
        c.moodle_course_id,
        c.category_idnumber as course_id,
        c.id_number,
        c.course_name,
        c.course_shortname,
        coalesce(p.num_teachers, 0) as num_teachers,
        coalesce(p.num_students, 0) as num_students,
        coalesce(v.file_views, 0) as file_views,
        coalesce(v.video_views, 0) as video_views,
        coalesce(v.forum_views, 0) as forum_views,
        coalesce(v.quiz_views, 0) as quiz_views,
        coalesce(v.assignment_views, 0) as assignment_views,
        coalesce(v.url_views, 0) as url_views,
        coalesce(v.file_views + v.video_views + v.forum_views + v.quiz_views + v.assignment_views + v.url_views, 0) as total_views,
        coalesce(v.active_days, 0) as active_days,
        coalesce(v.distinct_active_days, 0) as distinct_active_days,
        case
            when exists (select 1 from activity_counts_etl s where s.extraction_date = :day and s.student_views is not null)
            then coalesce(v.student_views, 0)
        end as student_views
    from courses c
    left join activity_counts_etl v
        on v.extraction_date = :day
        and v.courseid = c.moodle_course_id
    left join user_counts_etl p
        on p.extraction_date = :day
        and p.courseid = c.moodle_course_id
    where c.moodle_course_id between :first_course and :last_course
      and c.visible = 1
      and c.category_idnumber is not null
),
divided as (
    select
        counted.*,
        cast(num_students as decimal(20, 0)) * active_days * 2 as divisor,
        cast(total_views as decimal(20, 0)) * 200 + num_students * active_days as dividend
    from counted
)
select
    moodle_course_id,
    course_id,
    id_number,
    course_name,
    course_shortname,
    num_teachers,
    num_students,
    file_views,
    video_views,
    forum_views,
    quiz_views,
    assignment_views,
    url_views,
    total_views,
    case when divisor > 0 then (dividend - dividend % divisor) / divisor / 100.0 end as avg_activity_per_student_per_day,
    active_days,
    distinct_active_days,
    student_views
from divided
order by moodle_course_id
