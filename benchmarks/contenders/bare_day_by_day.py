"""The documented statement once for each day, as a loop over days would run it; fetched, nothing written."""

import json

import pymysql

from benchmarks.contenders import period

STATEMENT = """
select
    courseid,
    count(case when component = 'mod_resource' then 1 end) as file_views,
    count(case when component = 'mod_page' then 1 end) as video_views,
    count(case when component = 'mod_forum' then 1 end) as forum_views,
    count(case when component = 'mod_quiz' then 1 end) as quiz_views,
    count(case when component = 'mod_assign' then 1 end) as assignment_views,
    count(case when component = 'mod_url' then 1 end) as url_views,
    datediff(from_unixtime(max(timecreated)), from_unixtime(min(timecreated))) + 1 as active_days
from mdl_logstore_standard_log
where contextlevel = 70
  and action = 'viewed'
  and timecreated between %(start)s and %(end)s
group by courseid
"""


def main() -> None:
    asked = period.asked()
    rows = views = 0
    with pymysql.connect(**period.moodle_arguments()) as connection, connection.cursor() as cursor:
        cursor.execute("set time_zone = %s", (asked.time_zone,))
        for day in asked.days():
            start, end = period.Period(day, day, asked.zone).bounds
            cursor.execute(STATEMENT, {"start": start, "end": end - 1})
            for row in cursor.fetchall():
                rows += 1
                views += sum(row[1:7])
    print(json.dumps({"rows": rows, "views": views}))


if __name__ == "__main__":
    main()
