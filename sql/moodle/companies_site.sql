-- One row is the whole site, taken as company 1; it is named as its front page, which is course 1 of every Moodle.
select c.id as companyid, c.shortname, c.fullname as name
from {course} c
where c.id = 1
