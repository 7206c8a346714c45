-- One row is one course that the report must hold on every day: visible, in a category whose idnumber is not NULL.
-- Asked of Moodle anew, apart from courses.sql, to check what was loaded. An empty idnumber passes the documented rule.
select c.id as moodle_course_id
from {course} c
join {course_categories} cc on cc.id = c.category
where c.visible = 1
  and cc.idnumber is not null
