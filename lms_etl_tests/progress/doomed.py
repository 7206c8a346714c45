"""A process that syncs a company and kills itself when all its rows are merged and nothing is committed yet.

It runs outside pytest so that a kill is a kill: no `finally`, no rollback, no goodbye to the server.
"""

import os
import signal
import sys
from typing import Any

import sqlalchemy as sa

from lms_etl.progress.sync import sync_company
from lms_etl.progress.sync_log import Caller
from lms_etl.settings import Settings
from lms_etl.sources.moodle import Moodle
from lms_etl.warehouse.warehouse import Warehouse


def main(moodle_url: str, warehouse_url: str, company: int) -> None:
    settings = Settings(moodle_database_url=moodle_url, warehouse_database_url=warehouse_url)
    warehouse = Warehouse(settings)

    def die(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lower().startswith("update companies"):
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(warehouse.engine, "before_cursor_execute", die)
    sync_company(warehouse, Moodle(settings), company, "reconcile", Caller("schedule"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
