-- One row is one course category; path lists the ids from the top category down to it, `/2/7/31`.
select cc.id as category_id, cc.name as name, cc.idnumber as idnumber, cc.path as path
from {course_categories} cc
order by cc.id
