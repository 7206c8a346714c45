"""Reads the views of one day after the other and loads each, without Dagster; prints the seconds of every day."""

import json
import time

from benchmarks.contenders import period
from lms_etl.activity import report
from lms_etl.days import local_day
from lms_etl.settings import current
from lms_etl.sources.moodle import Moodle
from lms_etl.warehouse import tables
from lms_etl.warehouse.registry import Caller
from lms_etl.warehouse.warehouse import Warehouse


def main() -> None:
    settings = current()
    moodle, warehouse = Moodle(settings), Warehouse(settings)
    seconds = []
    for date in period.asked().days():
        start = time.perf_counter()
        views = moodle.activity_counts(local_day(date, settings.zone))
        caller = Caller("cli", None, None)
        with warehouse.loading("activity_counts", tables.activity_counts, date, caller) as load:
            load.replace(report.activity_counts(views.frame, settings.zone))
        seconds.append(time.perf_counter() - start)
    print(json.dumps(seconds[1:]))  # the first connects


if __name__ == "__main__":
    main()
