-- One row is one user of a list, with the names that the reporting table shows.
select u.id as userid, u.firstname, u.lastname, u.email
from {user} u
where u.id in :user_ids
