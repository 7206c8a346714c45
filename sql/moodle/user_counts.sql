-- One row is one course: how many different people hold a student's or a teacher's role in it now.
-- Moodle keeps no past of its roles, so no date appears here. The same person may hold a role twice (cohort and
-- manual enrolment): people are counted once. Roles at system, category and module level do not count.
select
    ctx.instanceid as courseid,
    count(distinct case when r.id in :student_ids or r.archetype in :student_archetypes then ra.userid end) as num_students,
    count(distinct case when r.id in :teacher_ids or r.archetype in :teacher_archetypes then ra.userid end) as num_teachers,
    count(*) as assignments
from {role_assignments} ra
join {context} ctx on ctx.id = ra.contextid
join {role} r on r.id = ra.roleid
where ctx.contextlevel = 50
  and (
      :everyone = 1
      or exists (
          select 1
          from {user_enrolments} ue
          join {enrol} e on e.id = ue.enrolid
          join {user} u on u.id = ue.userid
          where ue.userid = ra.userid
            and e.courseid = ctx.instanceid
            and e.status = 0
            and ue.status = 0
            and ue.timestart <= :now
            and (ue.timeend = 0 or ue.timeend > :now)
            and u.suspended = 0
            and u.deleted = 0
      )
  )
group by ctx.instanceid
