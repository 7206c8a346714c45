"""What the Dagster UI shows of a day beside its numbers: a preview table and a small plot of views per day."""

import base64
import io
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
PLOTTED_DAYS = 30


def preview(frame: pd.DataFrame) -> dg.TableMetadataValue:
    """The first rows of a frame as a table in the UI."""
    records = [
        dg.TableRecord({str(name): _shown(value) for name, value in row.items()})
        for row in frame.head(ROWS).to_dict(orient="records")
    ]
    return dg.MetadataValue.table(records, dg.TableSchema([dg.TableColumn(name) for name in frame.columns]))


def _shown(value: Any) -> str | int:
    return value if isinstance(value, int) else "" if pd.isna(value) else str(value)


def of_the_day(warehouse: Warehouse, day: date) -> dict[str, Any]:
    """Metadata of the report's day: its busiest courses, and a plot of the last days' views."""
    names = ["course_shortname", "course_name", "num_students", "total_views", "avg_activity_per_student_per_day"]
    rows = warehouse.frame(tables.user_activity, [day], names)
    busiest = rows.sort_values("total_views", ascending=False)
    return {
        "preview": preview(busiest),
        "null_average_share": round(float(rows[names[-1]].isna().mean()), 4) if len(rows) else 0.0,
        "views_per_day": dg.MetadataValue.md(f"![views per day](data:image/png;base64,{plot_text(warehouse, day)})"),
    }


def plot_text(warehouse: Warehouse, day: date) -> str:
    """A PNG of `views_per_day`, base64."""
    picture = io.BytesIO()
    figure = views_figure(views_per_day(warehouse, day - timedelta(days=PLOTTED_DAYS - 1), day), (6, 1.8))
    figure.savefig(picture, format="png", dpi=80)
    return base64.b64encode(picture.getvalue()).decode()


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
    """Bars of views per day; the last one, the day that the run loaded, stands out."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, layout="constrained")
    axes = figure.subplots()
    labels = [f"{day:%d %b}" for day in per_day["extraction_date"]]
    colours = ["#9db4d8"] * (len(labels) - 1) + ["#2f5da8"]
    axes.bar(range(len(labels)), per_day["views"], color=colours)
    step = max(1, len(labels) // 6)
    axes.set_xticks(range(0, len(labels), step), labels[::step], fontsize=7)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_title("Views per day", fontsize=9, loc="left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure
