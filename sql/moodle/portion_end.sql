-- One row: the last id of the rows that one look at the log may read, none if the log ends before. Counted in rows, since
-- ids have gaps.
select l.id as last_id
from {logstore_standard_log} l
where l.id > :after_id
order by l.id
limit 1 offset :rows_before
