-- One row is one assignment of a role to a person in a course now, with when it was made (unix seconds) and whether it is
-- a student's or a teacher's. A person may hold a role twice (cohort and manual enrolment).
select
    ctx.instanceid as courseid,
    ra.userid as userid,
    ra.timemodified as assigned_at,
    case when r.id in :student_ids or r.archetype in :student_archetypes then 1 else 0 end as student,
    case when r.id in :teacher_ids or r.archetype in :teacher_archetypes then 1 else 0 end as teacher
from {role_assignments} ra
join {context} ctx on ctx.id = ra.contextid
join {role} r on r.id = ra.roleid
where ctx.contextlevel = 50
