-- One row is one user who may have rows in the reporting table, with the most they can be: an active member with
-- enrolments in courses that the company offers. `members` and `offered` are those of the company.
select ue.userid, count(*) as enrolments
from offered o
join {enrol} e on e.courseid = o.courseid
join {user_enrolments} ue on ue.enrolid = e.id
join members m on m.userid = ue.userid
where o.visible = 1
  and m.active = 1
group by ue.userid
