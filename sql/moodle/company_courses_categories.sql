-- One row is one course in or below a top category, hidden ones included; below it are the paths that begin with its own.
select c.id as courseid, c.fullname, c.visible
from {course} c
join {course_categories} cat on cat.id = c.category
where c.id <> 1
  and (cat.id = :companyid or cat.path like :below)
