-- activity_counts.sql
-- One row is one course: its views of one day by kind of activity, and the first and last of them.
-- Reads the log once. The id bounds let InnoDB read its clustered index in order (1.5 to 2 times faster than by
-- timecreated); the time predicate stays, with constants on the right so that its index is usable as well.
-- A page is counted as a video: so the report defines it. first_viewed and last_viewed span every viewed row of a
-- module, also of kinds without a column of their own.
select
    coalesce(l.courseid, 0) as courseid,
    count(case when l.component = 'mod_resource' and (? = 1 or l.objecttable is not null) then 1 end) as file_views,
    count(case when l.component = 'mod_page' and (? = 1 or l.objecttable is not null) then 1 end) as video_views,
    count(case when l.component = 'mod_forum' and (? = 1 or l.objecttable is not null) then 1 end) as forum_views,
    count(case when l.component = 'mod_quiz' and (? = 1 or l.objecttable is not null) then 1 end) as quiz_views,
    count(case when l.component = 'mod_assign' and (? = 1 or l.objecttable is not null) then 1 end) as assignment_views,
    count(case when l.component = 'mod_url' and (? = 1 or l.objecttable is not null) then 1 end) as url_views,
    min(l.timecreated) as first_viewed,
    max(l.timecreated) as last_viewed,
    count(*) as viewed_rows
from mdl_logstore_standard_log l
where (l.id between ? and ? or l.id between ? and ?)
  and l.timecreated >= ?
  and l.timecreated < ?
  and l.contextlevel = 70
  and l.action = 'viewed'
  and (? = 1 or l.target = 'course_module')
group by coalesce(l.courseid, 0)

-- categories.sql
-- One row is one course category; path lists the ids from the top category down to it, `/2/7/31`.
select cc.id as category_id, cc.name as name, cc.idnumber as idnumber, cc.path as path
from mdl_course_categories cc
order by cc.id

-- changed_pairs.sql
-- One row is one user and one course of a company of which something changed since a moment, or until now came into
-- or out of the time of an enrolment. `members` and `offered` are those of the company, `states` the changed modules.
-- Deletions leave nothing here to see; the reconcile finds those.
select distinct changed.userid, changed.courseid
from (
    select cc.userid, cc.course as courseid
    from mdl_course_completions cc
    join offered o on o.courseid = cc.course
    where cc.timecompleted >= ? or cc.timestarted >= ? or cc.timeenrolled >= ?
    union all
    select s.userid, cm.course as courseid
    from states s
    join mdl_course_modules cm on cm.id = s.coursemoduleid
    join offered o on o.courseid = cm.course
    union all
    select ue.userid, e.courseid
    from mdl_user_enrolments ue
    join mdl_enrol e on e.id = ue.enrolid
    join offered o on o.courseid = e.courseid
    where ue.timemodified >= ?
       or e.timemodified >= ?
       or (ue.timestart >= ? and ue.timestart <= ?)
       or (ue.timeend >= ? and ue.timeend <= ?)
    union all
    select ue.userid, e.courseid
    from mdl_user u
    join mdl_user_enrolments ue on ue.userid = u.id
    join mdl_enrol e on e.id = ue.enrolid
    join offered o on o.courseid = e.courseid
    where u.timemodified >= ?
    union all
    select ue.userid, e.courseid
    from mdl_course c
    join offered o on o.courseid = c.id
    join mdl_enrol e on e.courseid = c.id
    join mdl_user_enrolments ue on ue.enrolid = e.id
    where c.timemodified >= ?
       or exists (select 1 from mdl_course_modules cm where cm.course = c.id and cm.added >= ?)
) changed
join members m on m.userid = changed.userid

-- changed_states.sql
-- One row is one module and user whose completion changed since a moment, at the whole site. Moodle has no index on that
-- time, so the table is scanned, once: `distinct` keeps MySQL from looking every row up by its module instead, which took
-- ten times as long (1.2 s against 0.12 s for 500,000 rows).
select distinct cmc.userid, cmc.coursemoduleid
from mdl_course_modules_completion cmc
where cmc.timemodified >= ?

-- changed_states_of_company.sql
-- One row is one module and user whose completion changed since a moment, of a company that has few of the site's
-- modules: these are looked up by module. `offered` are the courses of the company.
select cmc.userid, cmc.coursemoduleid
from offered o
join mdl_course_modules cm on cm.course = o.courseid
join mdl_course_modules_completion cmc on cmc.coursemoduleid = cm.id
where cmc.timemodified >= ?

-- companies_categories.sql
-- One row is one top category, taken as a company.
select cat.id as companyid, coalesce(nullif(cat.idnumber, ''), cat.name) as shortname, cat.name
from mdl_course_categories cat
where cat.parent = 0
order by cat.id

-- companies_iomad.sql
-- One row is one company of IOMAD.
select co.id as companyid, co.shortname, co.name
from mdl_company co
order by co.id

-- companies_site.sql
-- One row is the whole site, taken as company 1; it is named as its front page, which is course 1 of every Moodle.
select c.id as companyid, c.shortname, c.fullname as name
from mdl_course c
where c.id = 1

-- company_courses.sql
-- One row is one visible course of a company, whose courses are `offered`.
select o.courseid, o.fullname
from offered o
where o.visible = 1
order by o.courseid

-- company_courses_categories.sql
-- One row is one course in or below a top category, hidden ones included; below it are the paths that begin with its own.
select c.id as courseid, c.fullname, c.visible
from mdl_course c
join mdl_course_categories cat on cat.id = c.category
where c.id <> 1
  and (cat.id = ? or cat.path like ?)

-- company_courses_iomad.sql
-- One row is one course that a company of IOMAD offers, hidden ones included.
select c.id as courseid, c.fullname, c.visible
from mdl_course c
where c.id <> 1
  and exists (select 1 from mdl_company_course cco where cco.companyid = ? and cco.courseid = c.id)

-- company_courses_site.sql
-- One row is one course of the site, hidden ones included; course 1 is the front page.
select c.id as courseid, c.fullname, c.visible
from mdl_course c
where c.id <> 1

-- company_members.sql
-- One row is one active member of a company, whose users are `members`.
select m.userid
from members m
where m.active = 1

-- company_members_iomad.sql
-- One row is one user that a company of IOMAD has; `active` is 0 for one who is suspended or deleted, at the site or
-- in the company. A user may stand in several departments of a company: hence no join, which would repeat them.
select
    u.id as userid,
    u.timemodified,
    case
        when u.deleted = 0 and u.suspended = 0 and exists (
            select 1 from mdl_company_users cu where cu.userid = u.id and cu.companyid = ? and cu.suspended = 0
        )
        then 1
        else 0
    end as active
from mdl_user u
where exists (select 1 from mdl_company_users cu where cu.userid = u.id and cu.companyid = ?)

-- company_members_site.sql
-- One row is one user; `active` is 0 for one who is suspended or deleted. Where a company is a category or the whole
-- site, an enrolment makes a user its member.
select
    u.id as userid,
    u.timemodified,
    case when u.deleted = 0 and u.suspended = 0 then 1 else 0 end as active
from mdl_user u
where u.id > 0

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

-- day_blocks.sql
-- One row is one block of 10,000 log ids that holds rows of a window of time: its smallest and largest id of them.
-- Answered by the index on timecreated alone; asked only of days whose ids are spread, to find out where they lie.
select min(l.id) as first_id, max(l.id) as last_id
from mdl_logstore_standard_log l
where l.timecreated >= ?
  and l.timecreated < ?
group by l.id - l.id % 10000
order by first_id

-- day_bounds.sql
-- One row: the smallest and largest log id of a window of time and the number of its rows.
-- Answered by the index on timecreated alone (InnoDB keeps the id in it); tells whether the window is one run of ids.
select min(l.id) as first_id, max(l.id) as last_id, count(*) as log_rows
from mdl_logstore_standard_log l
where l.timecreated >= ?
  and l.timecreated < ?

-- enrolled_pairs.sql
-- One row is the number of rows that the reporting table must have of a company, counted apart from them: users with an
-- active enrolment in a course. `members` and `offered` are those of the company.
select count(*) as pairs
from (
    select distinct ue.userid, e.courseid
    from offered o
    join mdl_enrol e on e.courseid = o.courseid
    join mdl_user_enrolments ue on ue.enrolid = e.id
    join members m on m.userid = ue.userid
    where o.visible = 1
      and m.active = 1
      and ue.status = 0
      and (
          ? = 1
          or (e.status = 0 and ue.timestart <= ? and (ue.timeend = 0 or ue.timeend > ?))
      )
) enrolled

-- enrolled_users.sql
-- One row is one user who may have rows in the reporting table, with the most they can be: an active member with
-- enrolments in courses that the company offers. `members` and `offered` are those of the company.
select ue.userid, count(*) as enrolments
from offered o
join mdl_enrol e on e.courseid = o.courseid
join mdl_user_enrolments ue on ue.enrolid = e.id
join members m on m.userid = ue.userid
where o.visible = 1
  and m.active = 1
group by ue.userid

-- late_rows.sql
-- One row is a quarter of an hour of a closed day, restored rows apart from the others: how many log rows of it are among
-- the ids of one look, when the oldest of them happened, and their smallest and largest id.
-- Read by primary key; the time predicate keeps a plain column. By quarter of an hour, because the midnights of every
-- zone are at one, also where clocks change. A backup keeps no origin, so a restored row has none.
select
    min(l.timecreated) as oldest,
    case when l.origin is null then 1 else 0 end as restored,
    count(*) as log_rows,
    min(l.id) as first_id,
    max(l.id) as last_id
from mdl_logstore_standard_log l
where l.id > ?
  and l.id <= ?
  and l.timecreated < ?
group by l.timecreated - l.timecreated % 900, case when l.origin is null then 1 else 0 end
order by oldest

-- log_end.sql
-- One row: the largest id of the log, the watermark of what has been seen.
select max(l.id) as max_id from mdl_logstore_standard_log l

-- log_start.sql
-- One row: when the oldest row of the log by id happened, restored rows aside, which carry older times: from then on the
-- log is whole. A purge deletes what is older than a moment, so the first row left is not older than that.
select l.timecreated as timecreated
from mdl_logstore_standard_log l
where l.origin is not null
order by l.id
limit 1

-- module_share.sql
-- One row is the number of modules of the site, and how many of them are in courses of a company, which are `offered`.
select
    count(*) as modules,
    count(o.courseid) as own
from mdl_course_modules cm
left join offered o on o.courseid = cm.course

-- people.sql
-- One row is one user of a list, with the names that the reporting table shows.
select u.id as userid, u.firstname, u.lastname, u.email
from mdl_user u
where u.id in (?, ?)

-- portion_end.sql
-- One row: the last id of the rows that one look at the log may read, none if the log ends before. Counted in rows, since
-- ids have gaps.
select l.id as last_id
from mdl_logstore_standard_log l
where l.id > ?
order by l.id
limit 1 offset ?

-- progress_facts.sql
-- One row is one user with an active enrolment in one course of a company: what Moodle knows of the progress there.
-- `members` and `offered` are those of the company. Users come as a list, a portion of the members; with every_pair 0
-- only the pairs of a list count, each as course * 2^32 + user.
-- Completions are read by user, whose index is unique: by module, a portion would look up every module of every course.
select
    enrolled.userid,
    enrolled.courseid,
    enrolled.enrolled_at,
    coalesce(cc.timestarted, 0) as began_at,
    coalesce(cc.timecompleted, 0) as completed_at,
    coalesce(tracked.modules, 0) as tracked,
    coalesce(recorded.done, 0) as done,
    coalesce(recorded.reached, 0) as reached,
    coalesce(recorded.states, 0) as states,
    coalesce(recorded.ones, 0) as ones,
    coalesce(recorded.last_one, 0) as last_one
from (
    select ue.userid, e.courseid, min(ue.timecreated) as enrolled_at
    from members m
    join mdl_user_enrolments ue on ue.userid = m.userid
    join mdl_enrol e on e.id = ue.enrolid
    join offered o on o.courseid = e.courseid
    where m.userid in (?, ?)
      and m.active = 1
      and o.visible = 1
      and ue.status = 0
      and (
          ? = 1
          or (e.status = 0 and ue.timestart <= ? and (ue.timeend = 0 or ue.timeend > ?))
      )
      and (? = 1 or e.courseid * 4294967296 + ue.userid in (?, ?))
    group by ue.userid, e.courseid
) enrolled
left join mdl_course_completions cc
    on cc.userid = enrolled.userid
    and cc.course = enrolled.courseid
left join (
    select cm.course as courseid, count(*) as modules
    from mdl_course_modules cm
    join offered o on o.courseid = cm.course
    where cm.completion > 0
      and cm.deletioninprogress = 0
      and (cm.visible = 1 or ? = 1)
    group by cm.course
) tracked on tracked.courseid = enrolled.courseid
left join (
    select
        cmc.userid,
        cm.course as courseid,
        count(*) as states,
        sum(case when cmc.completionstate = 1 then 1 else 0 end) as ones,
        max(case when cmc.completionstate = 1 then cmc.timemodified else 0 end) as last_one,
        sum(case when cmc.completionstate > 0 then 1 else 0 end) as reached,
        sum(
            case
                when cm.completion > 0
                    and cm.deletioninprogress = 0
                    and (cm.visible = 1 or ? = 1)
                    and (cmc.completionstate in (1, 2) or (cmc.completionstate = 3 and ? = 1))
                then 1
                else 0
            end
        ) as done
    from mdl_course_modules_completion cmc
    join mdl_course_modules cm on cm.id = cmc.coursemoduleid
    where cmc.userid in (?, ?)
      and (? = 1 or cm.course * 4294967296 + cmc.userid in (?, ?))
    group by cmc.userid, cm.course
) recorded
    on recorded.userid = enrolled.userid
    and recorded.courseid = enrolled.courseid

-- reported_courses.sql
-- One row is one course that the report must hold on every day: visible, in a category whose idnumber is not NULL.
-- Asked of Moodle anew, apart from courses.sql, to check what was loaded. An empty idnumber passes the documented rule.
select c.id as moodle_course_id
from mdl_course c
join mdl_course_categories cc on cc.id = c.category
where c.visible = 1
  and cc.idnumber is not null

-- role_events.sql
-- One row is one role given to a person in a course (change 1) or taken from them (change -1) since a moment.
-- Found by Moodle's index on (userid, contextlevel, ..., crud, edulevel, timecreated), for which everybody who may have
-- acted is named: 0.1 s instead of 0.5 s for a log of a million rows, which has no index on what happened.
-- Courses that are gone do not count: their roles went without an event, and the report does not hold them. Rows that a
-- restore wrote carry the old course's events under the new one (they have no origin): the restore assigned the roles
-- itself and logged that, so they do not count.
select
    l.contextinstanceid as courseid,
    l.relateduserid as userid,
    l.timecreated as timecreated,
    case when l.action = 'assigned' then 1 else -1 end as change_by,
    case when l.objectid in (?, ?) or r.archetype in (SELECT 1 FROM (SELECT 1) WHERE 1!=1) then 1 else 0 end as student,
    case when l.objectid in (?, ?) or r.archetype in (SELECT 1 FROM (SELECT 1) WHERE 1!=1) then 1 else 0 end as teacher
from mdl_logstore_standard_log l
join mdl_course c on c.id = l.contextinstanceid
left join mdl_role r on r.id = l.objectid
where l.userid in ?
  and l.contextlevel = 50
  and l.crud in ('c', 'd')
  and l.edulevel = 0
  and l.timecreated >= ?
  and l.component = 'core'
  and l.target = 'role'
  and l.action in ('assigned', 'unassigned')
  and l.relateduserid is not null
  and l.origin is not null

-- role_holders.sql
-- One row is one assignment of a role to a person in a course now, with when it was made (unix seconds) and whether it is
-- a student's or a teacher's. A person may hold a role twice (cohort and manual enrolment).
select
    ctx.instanceid as courseid,
    ra.userid as userid,
    ra.timemodified as assigned_at,
    case when r.id in (?, ?) or r.archetype in (SELECT 1 FROM (SELECT 1) WHERE 1!=1) then 1 else 0 end as student,
    case when r.id in (?, ?) or r.archetype in (SELECT 1 FROM (SELECT 1) WHERE 1!=1) then 1 else 0 end as teacher
from mdl_role_assignments ra
join mdl_context ctx on ctx.id = ra.contextid
join mdl_role r on r.id = ra.roleid
where ctx.contextlevel = 50

-- rows_between.sql
-- One row: how many rows of the log have an id in a range; one more than before means that a row was committed late.
select count(*) as log_rows
from mdl_logstore_standard_log l
where l.id > ?
  and l.id <= ?

-- student_views.sql
-- One row is one course: the views of one day made by people who are students of that course now.
-- The six kinds of activity only, so that it can be compared with total_views.
select l.courseid as courseid, count(*) as student_views
from mdl_logstore_standard_log l
where (l.id between ? and ? or l.id between ? and ?)
  and l.timecreated >= ?
  and l.timecreated < ?
  and l.contextlevel = 70
  and l.action = 'viewed'
  and (? = 1 or l.target = 'course_module')
  and (? = 1 or l.objecttable is not null)
  and l.component in ('mod_resource', 'mod_page', 'mod_forum', 'mod_quiz', 'mod_assign', 'mod_url')
  and exists (
      select 1
      from mdl_role_assignments ra
      join mdl_context ctx on ctx.id = ra.contextid
      join mdl_role r on r.id = ra.roleid
      where ra.userid = l.userid
        and ctx.contextlevel = 50
        and ctx.instanceid = l.courseid
        and (r.id in (?, ?) or r.archetype in (SELECT 1 FROM (SELECT 1) WHERE 1!=1))
  )
group by l.courseid

-- user_counts.sql
-- One row is one course: how many different people hold a student's or a teacher's role in it now.
-- Moodle keeps no past of its roles, so no date appears here. The same person may hold a role twice (cohort and
-- manual enrolment): people are counted once. Roles at system, category and module level do not count.
select
    ctx.instanceid as courseid,
    count(distinct case when r.id in (?, ?) or r.archetype in (SELECT 1 FROM (SELECT 1) WHERE 1!=1) then ra.userid end) as num_students,
    count(distinct case when r.id in (?, ?) or r.archetype in (SELECT 1 FROM (SELECT 1) WHERE 1!=1) then ra.userid end) as num_teachers,
    count(*) as assignments
from mdl_role_assignments ra
join mdl_context ctx on ctx.id = ra.contextid
join mdl_role r on r.id = ra.roleid
where ctx.contextlevel = 50
  and (
      ? = 1
      or exists (
          select 1
          from mdl_user_enrolments ue
          join mdl_enrol e on e.id = ue.enrolid
          join mdl_user u on u.id = ue.userid
          where ue.userid = ra.userid
            and e.courseid = ctx.instanceid
            and e.status = 0
            and ue.status = 0
            and ue.timestart <= ?
            and (ue.timeend = 0 or ue.timeend > ?)
            and u.suspended = 0
            and u.deleted = 0
      )
  )
group by ctx.instanceid

-- user_ids.sql
-- One row is one user, deleted ones included: whoever may have done something that the log holds.
select u.id as userid from mdl_user u

-- views_by_component.sql
-- One row is one kind of activity: its views of one day at the whole site, to compare with what was loaded.
-- Counted apart from activity_counts.sql: no course, no kinds beside each other. The id bounds are those of the day
-- (day_bounds.sql), which hold every row of it; by timecreated alone the same count takes twice as long on InnoDB.
select l.component as component, count(*) as views
from mdl_logstore_standard_log l
where (l.id between ? and ? or l.id between ? and ?)
  and l.timecreated >= ?
  and l.timecreated < ?
  and l.contextlevel = 70
  and l.action = 'viewed'
  and (? = 1 or l.target = 'course_module')
  and (? = 1 or l.objecttable is not null)
  and l.component in ('mod_resource', 'mod_page', 'mod_forum', 'mod_quiz', 'mod_assign', 'mod_url')
group by l.component
