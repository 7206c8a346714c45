-- One row is one course of the site, hidden ones included; course 1 is the front page.
select c.id as courseid, c.fullname, c.visible
from {course} c
where c.id <> 1
