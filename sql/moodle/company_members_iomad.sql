-- One row is one user that a company of IOMAD has; `active` is 0 for one who is suspended or deleted, at the site or
-- in the company. A user may stand in several departments of a company: hence no join, which would repeat them.
select
    u.id as userid,
    u.timemodified,
    case
        when u.deleted = 0 and u.suspended = 0 and exists (
            select 1 from {company_users} cu where cu.userid = u.id and cu.companyid = :companyid and cu.suspended = 0
        )
        then 1
        else 0
    end as active
from {user} u
where exists (select 1 from {company_users} cu where cu.userid = u.id and cu.companyid = :companyid)
