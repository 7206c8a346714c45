-- One row is one visible course of a company, whose courses are `offered`.
select o.courseid, o.fullname
from offered o
where o.visible = 1
order by o.courseid
