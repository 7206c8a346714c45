"""Course progress as one plain statement over the whole site, or over the pairs changed since a moment; fetched row by
row, nothing written: `URL [SINCE]`.
"""

import json
import sys

import pymysql

from lms_etl.databases import parse_url

CHANGED = """
join (
    select cc.userid, cc.course from mdl_course_completions cc where cc.timecompleted >= %(since)s
    union
    select r.userid, cm.course from mdl_course_modules_completion r
    join mdl_course_modules cm on cm.id = r.coursemoduleid
    where r.timemodified >= %(since)s
    union
    select ue.userid, e.courseid from mdl_user_enrolments ue join mdl_enrol e on e.id = ue.enrolid
    where ue.timemodified >= %(since)s
) ch on ch.userid = ue.userid and ch.course = e.courseid
"""

OF_EVERYBODY = """
left join (
    select r.userid, cm.course, sum(r.completionstate in (1, 2)) as done, count(*) as states
    from mdl_course_modules_completion r
    join mdl_course_modules cm on cm.id = r.coursemoduleid
    where cm.completion > 0 and cm.visible = 1 and cm.deletioninprogress = 0
    group by r.userid, cm.course
) p on p.userid = u.id and p.course = c.id
"""

STATEMENT = """
select u.id, c.id, u.firstname, u.lastname, u.email, c.fullname, coalesce(cc.timecompleted, 0),
    case when cc.timestarted > 0 then cc.timestarted else min(ue.timecreated) end,
    case when cc.timecompleted > 0 then 100 else coalesce(round(100 * {done} / t.modules, 2), 0) end,
    case when cc.timecompleted > 0 then 'completed' when {states} > 0 or cc.timestarted > 0 then 'in_progress'
        else 'not_started' end
from mdl_user_enrolments ue
join mdl_enrol e on e.id = ue.enrolid
{changed}
join mdl_user u on u.id = ue.userid
join mdl_course c on c.id = e.courseid
left join mdl_course_completions cc on cc.userid = u.id and cc.course = c.id
left join (
    select course, count(*) as modules from mdl_course_modules
    where completion > 0 and visible = 1 and deletioninprogress = 0 group by course
) t on t.course = c.id
{progress}
where ue.status = 0 and e.status = 0 and u.deleted = 0 and u.suspended = 0 and c.visible = 1 and c.id <> 1
group by u.id, c.id
"""

DONE = """(select count(*) from mdl_course_modules_completion r join mdl_course_modules cm on cm.id = r.coursemoduleid
    where r.userid = u.id and cm.course = c.id and cm.completion > 0 and cm.visible = 1 and cm.deletioninprogress = 0
    and r.completionstate {states})"""


def main() -> None:
    url = parse_url(sys.argv[1], "the site's URL")
    where = {
        "host": url.host,
        "port": url.port,
        "user": url.username,
        "password": url.password or "",
        "database": url.database,
    }
    since = sys.argv[2] if len(sys.argv) > 2 else None
    parts = {"changed": "", "progress": OF_EVERYBODY, "done": "p.done", "states": "p.states"}
    if since:
        parts = {
            "changed": CHANGED,
            "progress": "",
            "done": DONE.format(states="in (1, 2)"),
            "states": DONE.format(states="> 0"),
        }
    rows, total = 0, 0.0
    with pymysql.connect(**where) as connection, connection.cursor(pymysql.cursors.SSCursor) as cursor:
        cursor.execute(STATEMENT.format(**parts), {"since": since} if since else None)
        for row in cursor:
            rows += 1
            total += float(row[8])
    print(json.dumps({"rows": rows, "percentages": round(total, 2)}))


if __name__ == "__main__":
    main()
