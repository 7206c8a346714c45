-- One row is the number of rows that the reporting table must have of a company, counted apart from them: users with an
-- active enrolment in a course. `members` and `offered` are those of the company.
select count(*) as pairs
from (
    select distinct ue.userid, e.courseid
    from offered o
    join {enrol} e on e.courseid = o.courseid
    join {user_enrolments} ue on ue.enrolid = e.id
    join members m on m.userid = ue.userid
    where o.visible = 1
      and m.active = 1
      and ue.status = 0
      and (
          :parity = 1
          or (e.status = 0 and ue.timestart <= :now and (ue.timeend = 0 or ue.timeend > :now))
      )
) enrolled
