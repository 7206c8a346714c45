-- One row is one course, hidden ones and the front page included, with its category.
select
    c.id as moodle_course_id,
    c.idnumber as id_number,
    c.fullname as course_name,
    c.shortname as course_shortname,
    c.visible as visible,
    c.category as category_id
from {course} c
order by c.id
