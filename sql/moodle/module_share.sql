-- One row is the number of modules of the site, and how many of them are in courses of a company, which are `offered`.
select
    count(*) as modules,
    count(o.courseid) as own
from {course_modules} cm
left join offered o on o.courseid = cm.course
