-- One row is one kind of activity: its views of one day at the whole site, for comparing with what was loaded.
-- Written apart from activity_counts.sql and by another way into the log: time alone, no course, no id bounds.
select l.component as component, count(*) as views
from {logstore_standard_log} l
where l.timecreated >= :day_start
  and l.timecreated < :day_end
  and l.contextlevel = 70
  and l.action = 'viewed'
  and (:any_target = 1 or l.target = 'course_module')
  and (:any_object = 1 or l.objecttable is not null)
  and l.component in ('mod_resource', 'mod_page', 'mod_forum', 'mod_quiz', 'mod_assign', 'mod_url')
group by l.component
