-- One row is one active member of a company, whose users are `members`.
select m.userid
from members m
where m.active = 1
