-- One row is one course over the days of a period, of the courses that the reader may see. People and names are those of
-- the course's last day in the period; the views are sums. The span of active days and the average are made of the
-- result, since each dialect has its own way to subtract days.
-- Courses deleted from Moodle have no place any more; only who may see everything gets them.
select
    n.moodle_course_id,
    n.course_id,
    n.id_number,
    n.course_name,
    n.course_shortname,
    c.directorate_id,
    c.directorate,
    c.unit_id,
    c.unit,
    n.num_teachers,
    n.num_students,
    s.file_views,
    s.video_views,
    s.forum_views,
    s.quiz_views,
    s.assignment_views,
    s.url_views,
    s.total_views,
    s.first_active,
    s.last_active,
    s.distinct_active_days,
    s.student_views
from (
    select
        a.moodle_course_id,
        max(a.extraction_date) as last_day,
        sum(a.file_views) as file_views,
        sum(a.video_views) as video_views,
        sum(a.forum_views) as forum_views,
        sum(a.quiz_views) as quiz_views,
        sum(a.assignment_views) as assignment_views,
        sum(a.url_views) as url_views,
        sum(a.total_views) as total_views,
        min(case when a.distinct_active_days > 0 then a.extraction_date end) as first_active,
        max(case when a.distinct_active_days > 0 then a.extraction_date end) as last_active,
        sum(a.distinct_active_days) as distinct_active_days,
        sum(a.student_views) as student_views
    from user_activity_etl a
    left join courses p on p.moodle_course_id = a.moodle_course_id
    where a.extraction_date between :first_day and :last_day
      and (:everything = 1 or p.directorate_id in :directorates or p.unit_id in :units)
    group by a.moodle_course_id
) s
join user_activity_etl n
    on n.extraction_date = s.last_day
    and n.moodle_course_id = s.moodle_course_id
left join courses c on c.moodle_course_id = s.moodle_course_id
order by n.moodle_course_id
