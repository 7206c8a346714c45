-- One row is one local day of the report: whether it was loaded in time, late or not at all, and when last.
select
    d.target_date as extraction_date,
    d.state,
    d.first_completed_at,
    d.last_completed_at,
    d.rows_read,
    case when d.run_id is null then 0 else 1 end as loaded
from etl_days d
where d.job_name = 'user_activity'
