"""The documented statement once over the whole period, grouped by course and day; fetched, nothing written.

Without the day in the GROUP BY it would not answer the question. The day is `div 86400` from the first midnight, which
needs a zone without daylight saving and is kinder to the statement than date(from_unixtime(timecreated)), its
documented way to name a day. Everything else is as documented, in the site's zone.
"""

import json

import pymysql

from benchmarks.contenders import period

STATEMENT = """
select
    courseid,
    (timecreated - %(start)s) div 86400 as day,
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
  and timecreated between %(start)s and %(end)s - 1
group by courseid, day
"""


def main() -> None:
    asked = period.asked()
    start, end = asked.bounds
    with pymysql.connect(**period.moodle_arguments()) as connection, connection.cursor() as cursor:
        cursor.execute("set time_zone = %s", (asked.time_zone,))
        cursor.execute(STATEMENT, {"start": start, "end": end})
        rows = cursor.fetchall()
    print(json.dumps({"rows": len(rows), "views": sum(sum(row[2:8]) for row in rows)}))


if __name__ == "__main__":
    main()
