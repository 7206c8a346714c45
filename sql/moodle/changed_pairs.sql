-- One row is one user and one course of a company of which something changed since a moment, or until now came into
-- or out of the time of an enrolment. `members` and `offered` are those of the company, `states` the changed modules.
-- Deletions leave nothing here to see; the reconcile finds those.
select distinct changed.userid, changed.courseid
from (
    select cc.userid, cc.course as courseid
    from {course_completions} cc
    join offered o on o.courseid = cc.course
    where cc.timecompleted >= :since or cc.timestarted >= :since or cc.timeenrolled >= :since
    union all
    select s.userid, cm.course as courseid
    from states s
    join {course_modules} cm on cm.id = s.coursemoduleid
    join offered o on o.courseid = cm.course
    union all
    select ue.userid, e.courseid
    from {user_enrolments} ue
    join {enrol} e on e.id = ue.enrolid
    join offered o on o.courseid = e.courseid
    where ue.timemodified >= :since
       or e.timemodified >= :since
       or (ue.timestart >= :since and ue.timestart <= :now)
       or (ue.timeend >= :since and ue.timeend <= :now)
    union all
    select ue.userid, e.courseid
    from {user} u
    join {user_enrolments} ue on ue.userid = u.id
    join {enrol} e on e.id = ue.enrolid
    join offered o on o.courseid = e.courseid
    where u.timemodified >= :since
    union all
    select ue.userid, e.courseid
    from {course} c
    join offered o on o.courseid = c.id
    join {enrol} e on e.courseid = c.id
    join {user_enrolments} ue on ue.enrolid = e.id
    where c.timemodified >= :since
       or exists (select 1 from {course_modules} cm where cm.course = c.id and cm.added >= :since)
) changed
join members m on m.userid = changed.userid
