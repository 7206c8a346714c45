-- One row is a quarter of an hour of a closed day, restored rows apart from the others: how many log rows of it are among
-- the ids of one look, when the oldest of them happened, and their smallest and largest id.
-- Read by primary key; the time predicate keeps a plain column. By quarter of an hour, because the midnights of every
-- zone are at one, also where clocks change. A backup keeps no origin, so a restored row has none.
select
    min(l.timecreated) as oldest,
    case when l.origin is null then 1 else 0 end as restored,
    count(*) as log_rows,
    min(l.id) as first_id,
    max(l.id) as last_id
from {logstore_standard_log} l
where l.id > :after_id
  and l.id <= :last_id
  and l.timecreated < :closed_before
group by l.timecreated - l.timecreated % 900, case when l.origin is null then 1 else 0 end
order by oldest
