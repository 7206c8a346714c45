-- One row is one module and user whose completion changed since a moment, of a company that has few of the site's
-- modules: these are looked up by module. `offered` are the courses of the company.
select cmc.userid, cmc.coursemoduleid
from offered o
join {course_modules} cm on cm.course = o.courseid
join {course_modules_completion} cmc on cmc.coursemoduleid = cm.id
where cmc.timemodified >= :since
