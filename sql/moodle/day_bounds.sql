-- One row: the smallest and largest log id of a window of time and the number of its rows.
-- Answered by the index on timecreated alone (InnoDB keeps the id in it); tells whether the window is one run of ids.
select min(l.id) as first_id, max(l.id) as last_id, count(*) as log_rows
from {logstore_standard_log} l
where l.timecreated >= :day_start
  and l.timecreated < :day_end
