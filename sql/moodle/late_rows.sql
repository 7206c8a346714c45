-- One row is one second of a closed day, restored rows apart from the others: the log rows of that second among the ids
-- of one look, with the smallest and largest of them.
-- Read by primary key; the time predicate keeps a plain column. By second, because a second belongs to one local day in
-- every zone, also where clocks change. A backup keeps no origin, so a restored row has none; Moodle sets it on its own.
select
    l.timecreated as timecreated,
    case when l.origin is null then 1 else 0 end as restored,
    count(*) as log_rows,
    min(l.id) as first_id,
    max(l.id) as last_id
from {logstore_standard_log} l
where l.id > :after_id
  and l.id <= :last_id
  and l.timecreated < :closed_before
group by l.timecreated, case when l.origin is null then 1 else 0 end
order by l.timecreated
