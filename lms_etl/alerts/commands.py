"""The commands `lms-etl alerts test` and `lms-etl alerts list`."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from lms_etl.settings import Settings

app = typer.Typer(help="Alerts: try the channels, list what went wrong.", no_args_is_help=True)
out = Console()
COLOURS = {"low": "dim", "medium": "yellow", "high": "red", "critical": "bold red"}


@app.command("test")
def try_channels() -> None:
    """Send a test message to every channel of ALERT_URLS and say for each whether it was accepted."""
    from lms_etl.alerts.channels import EXAMPLE, parse
    from lms_etl.alerts.messages import TEST_BODY, TEST_TITLE
    from lms_etl.alerts.outbox import Letter
    from lms_etl.settings import current
    from lms_etl.warehouse.registry import utc_now

    found = parse(current().alert_urls)
    if not found:
        _print(f"No channel is set up, nobody is told. Set ALERT_URLS, for example ALERT_URLS={EXAMPLE}")
        raise typer.Exit(1)
    refused = 0
    for channel in found:
        key = f"test-{utc_now():%Y%m%d%H%M%S}"
        letter = Letter(0, 0, channel.name, key, "test", current().alert_threshold, TEST_TITLE, TEST_BODY, 0)
        problem = channel.send(letter)
        refused += problem is not None
        _print(
            f"[red]✗[/] {escape(channel.name)}: {escape(problem)}"
            if problem
            else f"[green]✓[/] {channel.name}: accepted"
        )
    if refused:
        raise typer.Exit(1)


@app.command("list")
def list_alerts(
    days: Annotated[int, typer.Option(help="Days to look back.", min=1)] = 7,
    still_open: Annotated[bool, typer.Option("--open", help="Only those that are not over.")] = False,
) -> None:
    """What went wrong lately, newest first, and what could not be sent."""
    from lms_etl.settings import current

    rows, unsent = recent(current(), days, still_open)
    if not rows:
        _print("No alert is open." if still_open else f"Nothing went wrong in the last {days} days.")
    for row in rows:
        end = f"over since {row['resolved_at']:%m-%d %H:%M}" if row["resolved_at"] else "open"
        told = f"{row['told']} messages" if row["told"] else "not told"
        _print(
            f"{row['id']:>5}  {row['first_seen_at']:%Y-%m-%d %H:%M}  "
            f"[{COLOURS[row['severity']]}]{row['severity']:<8}[/]  {end}, {row['count']} events, {told}: "
            f"{escape(row['title'])}"
        )
    for channel, state, number, error in unsent:
        _print(f"[yellow]![/] {channel}: {number} {state.replace('_', ' ')}, the last error: {escape(error or 'none')}")


def recent(settings: "Settings", days: int, still_open: bool) -> tuple[list[dict[str, Any]], list[Any]]:
    """Alerts seen in the last days, newest first, and for each channel the messages that it has not accepted.

    Raises SchemaError unless the warehouse is migrated.
    """
    import sqlalchemy as sa

    from lms_etl.warehouse.registry import utc_now
    from lms_etl.warehouse.schema import require_current
    from lms_etl.warehouse.tables import alert_deliveries as deliveries
    from lms_etl.warehouse.tables import alerts
    from lms_etl.warehouse.warehouse import Warehouse

    warehouse = Warehouse(settings)
    require_current(warehouse)
    query = (
        sa.select(alerts).where(alerts.c.last_seen_at >= utc_now() - timedelta(days=days)).order_by(alerts.c.id.desc())
    )
    if still_open:
        query = sa.select(alerts).where(alerts.c.state == "open").order_by(alerts.c.id.desc())
    unsent = (
        sa.select(deliveries.c.channel, deliveries.c.state, sa.func.count(), sa.func.max(deliveries.c.last_error))
        .where(deliveries.c.state.in_(("waiting", "given_up")))
        .group_by(deliveries.c.channel, deliveries.c.state)
        .order_by(deliveries.c.channel)
    )
    with warehouse.reading() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
        return rows, list(connection.execute(unsent))


def _print(line: str) -> None:
    out.print(line, soft_wrap=True, highlight=False)
