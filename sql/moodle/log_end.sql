-- One row: the largest id of the log, the watermark of what has been seen.
select max(l.id) as max_id from {logstore_standard_log} l
