-- One row is one course that a company of IOMAD offers, hidden ones included.
select c.id as courseid, c.fullname, c.visible
from {course} c
where c.id <> 1
  and exists (select 1 from {company_course} cco where cco.companyid = :companyid and cco.courseid = c.id)
