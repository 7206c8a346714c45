-- One row is one user, deleted ones included: whoever may have done something that the log holds.
select u.id as userid from {user} u
