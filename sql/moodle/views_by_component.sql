-- One row is one kind of activity: its views of one day at the whole site, to compare with what was loaded.
-- Counted apart from activity_counts.sql: no course, no kinds beside each other. The id bounds are those of the day
-- (day_bounds.sql), which hold every row of it; by timecreated alone the same count takes twice as long on InnoDB.
select l.component as component, count(*) as views
from {logstore_standard_log} l
where (l.id between :first_id and :last_id or l.id between :other_first_id and :other_last_id)
  and l.timecreated >= :day_start
  and l.timecreated < :day_end
  and l.contextlevel = 70
  and l.action = 'viewed'
  and (:any_target = 1 or l.target = 'course_module')
  and (:any_object = 1 or l.objecttable is not null)
  and l.component in ('mod_resource', 'mod_page', 'mod_forum', 'mod_quiz', 'mod_assign', 'mod_url')
group by l.component
