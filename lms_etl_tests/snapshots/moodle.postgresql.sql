-- activity_counts.sql
-- One row is one course: its views of one day by kind of activity, and the first and last of them.
-- Reads the log once. The id bounds let InnoDB read its clustered index in order (1.5 to 2 times faster than by
-- timecreated); the time predicate stays, with constants on the right so that its index is usable as well.
-- A page is counted as a video: so the report defines it. first_viewed and last_viewed span every viewed row of a
-- module, also of kinds without a column of their own.
select
    coalesce(l.courseid, 0) as courseid,
    count(case when l.component = 'mod_resource' and (%(any_object)s::INTEGER = 1 or l.objecttable is not null) then 1 end) as file_views,
    count(case when l.component = 'mod_page' and (%(any_object)s::INTEGER = 1 or l.objecttable is not null) then 1 end) as video_views,
    count(case when l.component = 'mod_forum' and (%(any_object)s::INTEGER = 1 or l.objecttable is not null) then 1 end) as forum_views,
    count(case when l.component = 'mod_quiz' and (%(any_object)s::INTEGER = 1 or l.objecttable is not null) then 1 end) as quiz_views,
    count(case when l.component = 'mod_assign' and (%(any_object)s::INTEGER = 1 or l.objecttable is not null) then 1 end) as assignment_views,
    count(case when l.component = 'mod_url' and (%(any_object)s::INTEGER = 1 or l.objecttable is not null) then 1 end) as url_views,
    min(l.timecreated) as first_viewed,
    max(l.timecreated) as last_viewed,
    count(*) as viewed_rows
from mdl_logstore_standard_log l
where l.id between %(first_id)s::INTEGER and %(last_id)s::INTEGER
  and l.timecreated >= %(day_start)s::INTEGER
  and l.timecreated < %(day_end)s::INTEGER
  and l.contextlevel = 70
  and l.action = 'viewed'
  and (%(any_target)s::INTEGER = 1 or l.target = 'course_module')
group by coalesce(l.courseid, 0)
order by courseid

-- categories.sql
-- One row is one course category; path lists the ids from the top category down to it, `/2/7/31`.
select cc.id as category_id, cc.name as name, cc.idnumber as idnumber, cc.path as path
from mdl_course_categories cc
order by cc.id

-- courses.sql
-- One row is one course, hidden ones and the front page included, with its category.
select
    c.id as moodle_course_id,
    c.idnumber as id_number,
    c.fullname as course_name,
    c.shortname as course_shortname,
    c.visible as visible,
    c.category as category_id
from mdl_course c
order by c.id

-- day_bounds.sql
-- One row: the smallest and largest log id of a window of time and the number of its rows.
-- Answered by the index on timecreated alone (InnoDB keeps the id in it); tells whether the window is one run of ids.
select min(l.id) as first_id, max(l.id) as last_id, count(*) as log_rows
from mdl_logstore_standard_log l
where l.timecreated >= %(day_start)s::INTEGER
  and l.timecreated < %(day_end)s::INTEGER

-- late_rows.sql
-- One row is one second of a closed day, restored rows apart from the others: the log rows of that second among the ids
-- of one look, with the smallest and largest of them.
-- Read by primary key; the time predicate keeps a plain column. By second, because a second belongs to one local day in
-- every zone, also where clocks change. A backup keeps no origin, so a restored row has none; Moodle sets it on its own.
select
    l.timecreated as timecreated,
    case when l.origin is null then 1 else 0 end as restored,
    count(*) as log_rows,
    min(l.id) as first_id,
    max(l.id) as last_id
from mdl_logstore_standard_log l
where l.id > %(after_id)s::INTEGER
  and l.id <= %(last_id)s::INTEGER
  and l.timecreated < %(closed_before)s::INTEGER
group by l.timecreated, case when l.origin is null then 1 else 0 end
order by l.timecreated

-- log_end.sql
-- One row: the largest id of the log, the watermark of what has been seen.
select max(l.id) as max_id from mdl_logstore_standard_log l

-- portion_end.sql
-- One row: the last id of the rows that one look at the log may read, none if the log ends before. Counted in rows, since
-- ids have gaps.
select l.id as last_id
from mdl_logstore_standard_log l
where l.id > %(after_id)s::INTEGER
order by l.id
limit 1 offset %(rows_before)s::INTEGER

-- reported_courses.sql
-- One row is one course that the report must hold on every day: visible, in a category whose idnumber is not NULL.
-- Asked of Moodle anew, apart from courses.sql, to check what was loaded. An empty idnumber passes the documented rule.
select c.id as moodle_course_id
from mdl_course c
join mdl_course_categories cc on cc.id = c.category
where c.visible = 1
  and cc.idnumber is not null

-- rows_between.sql
-- One row: how many rows of the log have an id in a range; one more than before means that a row was committed late.
select count(*) as log_rows
from mdl_logstore_standard_log l
where l.id > %(after_id)s::INTEGER
  and l.id <= %(last_id)s::INTEGER

-- student_views.sql
-- One row is one course: the views of one day made by people who are students of that course now.
-- The six kinds of activity only, so that it can be compared with total_views.
select l.courseid as courseid, count(*) as student_views
from mdl_logstore_standard_log l
where l.id between %(first_id)s::INTEGER and %(last_id)s::INTEGER
  and l.timecreated >= %(day_start)s::INTEGER
  and l.timecreated < %(day_end)s::INTEGER
  and l.contextlevel = 70
  and l.action = 'viewed'
  and (%(any_target)s::INTEGER = 1 or l.target = 'course_module')
  and (%(any_object)s::INTEGER = 1 or l.objecttable is not null)
  and l.component in ('mod_resource', 'mod_page', 'mod_forum', 'mod_quiz', 'mod_assign', 'mod_url')
  and exists (
      select 1
      from mdl_role_assignments ra
      join mdl_context ctx on ctx.id = ra.contextid
      join mdl_role r on r.id = ra.roleid
      where ra.userid = l.userid
        and ctx.contextlevel = 50
        and ctx.instanceid = l.courseid
        and (r.id in (%(student_ids_1)s::BIGINT, %(student_ids_2)s::BIGINT) or r.archetype in (SELECT CAST(NULL AS VARCHAR) WHERE 1!=1))
  )
group by l.courseid

-- user_counts.sql
-- One row is one course: how many different people hold a student's or a teacher's role in it now.
-- Moodle keeps no past of its roles, so no date appears here. The same person may hold a role twice (cohort and
-- manual enrolment): people are counted once. Roles at system, category and module level do not count.
select
    ctx.instanceid as courseid,
    count(distinct case when r.id in (%(student_ids_1)s::BIGINT, %(student_ids_2)s::BIGINT) or r.archetype in (SELECT CAST(NULL AS VARCHAR) WHERE 1!=1) then ra.userid end) as num_students,
    count(distinct case when r.id in (%(teacher_ids_1)s::BIGINT, %(teacher_ids_2)s::BIGINT) or r.archetype in (SELECT CAST(NULL AS VARCHAR) WHERE 1!=1) then ra.userid end) as num_teachers,
    count(*) as assignments
from mdl_role_assignments ra
join mdl_context ctx on ctx.id = ra.contextid
join mdl_role r on r.id = ra.roleid
where ctx.contextlevel = 50
  and (
      %(everyone)s::INTEGER = 1
      or exists (
          select 1
          from mdl_user_enrolments ue
          join mdl_enrol e on e.id = ue.enrolid
          join mdl_user u on u.id = ue.userid
          where ue.userid = ra.userid
            and e.courseid = ctx.instanceid
            and e.status = 0
            and ue.status = 0
            and ue.timestart <= %(now)s::INTEGER
            and (ue.timeend = 0 or ue.timeend > %(now)s::INTEGER)
            and u.suspended = 0
            and u.deleted = 0
      )
  )
group by ctx.instanceid
order by courseid

-- views_by_component.sql
-- One row is one kind of activity: its views of one day at the whole site, to compare with what was loaded.
-- Counted apart from activity_counts.sql: no course, no kinds beside each other. The id bounds are those of the day
-- (day_bounds.sql), which hold every row of it; by timecreated alone the same count takes twice as long on InnoDB.
select l.component as component, count(*) as views
from mdl_logstore_standard_log l
where l.id between %(first_id)s::INTEGER and %(last_id)s::INTEGER
  and l.timecreated >= %(day_start)s::INTEGER
  and l.timecreated < %(day_end)s::INTEGER
  and l.contextlevel = 70
  and l.action = 'viewed'
  and (%(any_target)s::INTEGER = 1 or l.target = 'course_module')
  and (%(any_object)s::INTEGER = 1 or l.objecttable is not null)
  and l.component in ('mod_resource', 'mod_page', 'mod_forum', 'mod_quiz', 'mod_assign', 'mod_url')
group by l.component
