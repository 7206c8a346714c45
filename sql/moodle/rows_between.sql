-- One row: how many rows of the log have an id in a range; one more than before means that a row was committed late.
select count(*) as log_rows
from {logstore_standard_log} l
where l.id > :after_id
  and l.id <= :last_id
