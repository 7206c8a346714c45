-- One row is one course: the views of one day made by people who are students of that course now.
-- The six kinds of activity only, so that it can be compared with total_views.
select l.courseid as courseid, count(*) as student_views
from {logstore_standard_log} l
where (l.id between :first_id and :last_id or l.id between :other_first_id and :other_last_id)
  and l.timecreated >= :day_start
  and l.timecreated < :day_end
  and l.contextlevel = 70
  and l.action = 'viewed'
  and (:any_target = 1 or l.target = 'course_module')
  and (:any_object = 1 or l.objecttable is not null)
  and l.component in ('mod_resource', 'mod_page', 'mod_forum', 'mod_quiz', 'mod_assign', 'mod_url')
  and exists (
      select 1
      from {role_assignments} ra
      join {context} ctx on ctx.id = ra.contextid
      join {role} r on r.id = ra.roleid
      where ra.userid = l.userid
        and ctx.contextlevel = 50
        and ctx.instanceid = l.courseid
        and (r.id in :student_ids or r.archetype in :student_archetypes)
  )
group by l.courseid
