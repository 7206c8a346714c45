-- One row is one block of 10,000 log ids that holds rows of a window of time: its smallest and largest id of them.
-- Answered by the index on timecreated alone; asked only of days whose ids are spread, to find out where they lie.
select min(l.id) as first_id, max(l.id) as last_id
from {logstore_standard_log} l
where l.timecreated >= :day_start
  and l.timecreated < :day_end
group by l.id - l.id % 10000
order by first_id
