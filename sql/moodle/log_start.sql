-- One row: when the oldest row of the log by id happened, restored rows aside, which carry older times: from then on the
-- log is whole. A purge deletes what is older than a moment, so the first row left is not older than that.
select l.timecreated as timecreated
from {logstore_standard_log} l
where l.origin is not null
order by l.id
limit 1
