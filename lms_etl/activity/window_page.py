"""The page of states, `lms-etl window`: for each day whether it was loaded in its window, when, and why not."""

from rich.console import Console
from rich.markup import escape

from lms_etl import clock
from lms_etl.activity.status import plain_table
from lms_etl.settings import Settings
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl.window_states import lines

COLOURS = {"pending": "dim", "due": "cyan", "met": "green", "late": "yellow", "missed": "bold red", "not loaded": "dim"}


def show(out: Console, settings: Settings, days: int) -> None:
    """Prints the last `days` days, the newest first, and how many were met, late and missed."""
    found = lines(Warehouse(settings), clock.now(), days)
    table = plain_table("day", "state", "loaded at", "margin", "tries", "reason")
    for line in found:
        state = f"[{COLOURS[line.state]}]{line.state}[/]"
        table.add_row(str(line.day), state, line.loaded_at, line.margin, str(line.attempts or ""), escape(line.reason))
    out.print(table)
    counted = {state: sum(line.state == state for line in found) for state in ("met", "late", "missed")}
    told = ", ".join(f"{number} {state}" for state, number in counted.items())
    out.print(f"{told}; times of the site ({settings.timezone}), margin in h:mm", highlight=False)
