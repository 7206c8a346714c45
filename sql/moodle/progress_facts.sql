-- One row is one user with an active enrolment in one course of a company: what Moodle knows of the progress there.
-- `members` and `offered` are those of the company. Users come as a list, a portion of the members; with every_pair 0
-- only the pairs of a list count, each as course * 2^32 + user.
-- Completions are read by user, whose index is unique: by module, a portion would look up every module of every course.
select
    enrolled.userid,
    enrolled.courseid,
    enrolled.enrolled_at,
    coalesce(cc.timestarted, 0) as began_at,
    coalesce(cc.timecompleted, 0) as completed_at,
    coalesce(tracked.modules, 0) as tracked,
    coalesce(recorded.done, 0) as done,
    coalesce(recorded.reached, 0) as reached,
    coalesce(recorded.states, 0) as states,
    coalesce(recorded.ones, 0) as ones,
    coalesce(recorded.last_one, 0) as last_one
from (
    select ue.userid, e.courseid, min(ue.timecreated) as enrolled_at
    from members m
    join {user_enrolments} ue on ue.userid = m.userid
    join {enrol} e on e.id = ue.enrolid
    join offered o on o.courseid = e.courseid
    where m.userid in :user_ids
      and m.active = 1
      and o.visible = 1
      and ue.status = 0
      and (
          :parity = 1
          or (e.status = 0 and ue.timestart <= :now and (ue.timeend = 0 or ue.timeend > :now))
      )
      and (:every_pair = 1 or e.courseid * 4294967296 + ue.userid in :pair_ids)
    group by ue.userid, e.courseid
) enrolled
left join {course_completions} cc
    on cc.userid = enrolled.userid
    and cc.course = enrolled.courseid
left join (
    select cm.course as courseid, count(*) as modules
    from {course_modules} cm
    join offered o on o.courseid = cm.course
    where cm.completion > 0
      and cm.deletioninprogress = 0
      and (cm.visible = 1 or :hidden_count = 1)
    group by cm.course
) tracked on tracked.courseid = enrolled.courseid
left join (
    select
        cmc.userid,
        cm.course as courseid,
        count(*) as states,
        sum(case when cmc.completionstate = 1 then 1 else 0 end) as ones,
        max(case when cmc.completionstate = 1 then cmc.timemodified else 0 end) as last_one,
        sum(case when cmc.completionstate > 0 then 1 else 0 end) as reached,
        sum(
            case
                when cm.completion > 0
                    and cm.deletioninprogress = 0
                    and (cm.visible = 1 or :hidden_count = 1)
                    and (cmc.completionstate in (1, 2) or (cmc.completionstate = 3 and :failed_count = 1))
                then 1
                else 0
            end
        ) as done
    from {course_modules_completion} cmc
    join {course_modules} cm on cm.id = cmc.coursemoduleid
    where cmc.userid in :user_ids
      and (:every_pair = 1 or cm.course * 4294967296 + cmc.userid in :pair_ids)
    group by cmc.userid, cm.course
) recorded
    on recorded.userid = enrolled.userid
    and recorded.courseid = enrolled.courseid
