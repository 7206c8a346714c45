-- One row is one user; `active` is 0 for one who is suspended or deleted. Where a company is a category or the whole
-- site, an enrolment makes a user its member.
select
    u.id as userid,
    u.timemodified,
    case when u.deleted = 0 and u.suspended = 0 then 1 else 0 end as active
from {user} u
where u.id > 0
