"""What the Dagster UI shows of a day beside its numbers: a preview table and a small plot of views per day."""

import base64
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import sqlalchemy as sa

from lms_etl.warehouse import tables
from lms_etl.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = 10
WIDTH = 50
PLOTTED_DAYS = 30
BAR, LAST_BAR = "#9db4d8", "#2f5da8"


def preview(frame: pd.DataFrame) -> dg.TableMetadataValue:
    """The first rows of a frame as a table in the UI."""
    records = [
        dg.TableRecord({str(name): _shown(value) for name, value in row.items()})
        for row in frame.head(ROWS).to_dict(orient="records")
    ]
    return dg.MetadataValue.table(records, dg.TableSchema([dg.TableColumn(name) for name in frame.columns]))


def _shown(value: Any) -> str | int:
    text = "" if pd.isna(value) else str(value)
    return value if isinstance(value, int) else text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def of_the_day(warehouse: Warehouse, day: date) -> dict[str, Any]:
    """Metadata of the report's day: its busiest courses, and a plot of the last days' views."""
    names = ["course_shortname", "course_name", "num_students", "total_views", "avg_activity_per_student_per_day"]
    rows = warehouse.frame(tables.user_activity, [day], names)
    per_day = views_per_day(warehouse, day - timedelta(days=PLOTTED_DAYS - 1), day)
    busiest = rows.sort_values("total_views", ascending=False)
    return {
        "null_average_share": round(float(rows[names[-1]].isna().mean()), 4) if len(rows) else 0.0,
        "views_per_day": dg.MetadataValue.md(f"![views per day](data:image/svg+xml;base64,{plot(per_day)})"),
        "preview": preview(busiest),
    }


def plot(per_day: pd.DataFrame) -> str:
    """Bars of views per day as a small SVG picture, base64; the last bar, the day that the run loaded, stands out.

    Written out here because importing a plotting library takes as long as the rest of the daily run's work.
    """
    top = max([1, *per_day["views"]])
    bars = [
        f'<rect x="{8 * number}" y="{50 - 50 * views / top:.1f}" width="6" height="{50 * views / top:.1f}" '
        f'fill="{LAST_BAR if number == len(per_day) - 1 else BAR}"><title>{day}: {views:,}</title></rect>'
        for number, (day, views) in enumerate(zip(per_day["extraction_date"], per_day["views"], strict=True))
    ]
    days = per_day["extraction_date"]
    span = f"{days.min()} to {days.max()}, top {top:,}" if bars else "no views yet"
    text = f'<text x="0" y="64" font-family="sans-serif" font-size="9" fill="#666">{span}</text>'
    size = f'width="{16 * len(bars) + 300}" height="136" viewBox="0 0 {8 * len(bars) + 150} 68"'
    picture = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(bars)}{text}</svg>'
    return base64.b64encode(picture.encode()).decode()


def views_per_day(warehouse: Warehouse, first: date, last: date) -> pd.DataFrame:
    """Total views of the report by day, one row for each loaded day: extraction_date (date), views (int)."""
    table = tables.user_activity
    query = (
        sa.select(table.c.extraction_date, sa.cast(sa.func.sum(table.c.total_views), sa.BigInteger))
        .where(table.c.extraction_date.between(first, last))
        .group_by(table.c.extraction_date)
        .order_by(table.c.extraction_date)
    )
    with warehouse.reading() as connection:
        rows = connection.execute(query).fetchall()
    return pd.DataFrame.from_records(rows, columns=["extraction_date", "views"])


def views_figure(per_day: pd.DataFrame, inches: tuple[float, float]) -> "Figure":
    """Bars of views per day as a figure of matplotlib, for a file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, layout="constrained")
    axes = figure.subplots()
    labels = [f"{day:%d %b}" for day in per_day["extraction_date"]]
    colours = [BAR] * (len(labels) - 1) + [LAST_BAR]
    axes.bar(range(len(labels)), per_day["views"], color=colours)
    step = max(1, len(labels) // 6)
    axes.set_xticks(range(0, len(labels), step), labels[::step], fontsize=7)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_title("Views per day", fontsize=9, loc="left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure
