-- One row is one top category, taken as a company.
select cat.id as companyid, coalesce(nullif(cat.idnumber, ''), cat.name) as shortname, cat.name
from {course_categories} cat
where cat.parent = 0
order by cat.id
