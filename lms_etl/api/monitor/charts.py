"""Charts as SVG in the page, drawn by pygal on the server. Colours and fonts are the page's own style sheet's.

pygal's style, script and tooltips are left out: the page allows none of them, and a chart that has its own colours
could not follow the reader's light or dark.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from markupsafe import Markup

from lms_etl.api.monitor.spans import ticks

WIDTH, HEIGHT = 480, 200
LABEL_SIZE = 17
"""Room that pygal leaves for labels, in units of the picture; small screens show them larger."""


@dataclass(frozen=True)
class Bar:
    """One part of a bar: its height, and what it says under the pointer; None leaves a gap."""

    value: float | None
    says: str = ""


def bars(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[Bar]],
    *,
    largest: float | None = None,
    every: int = 1,
    unit: str = "",
    height: int = HEIGHT,
) -> Markup:
    """Bars, stacked where there are several series; every n-th label is shown. `title` is the text alternative.

    A series becomes an element of class `series <its name>`.
    """
    pygal = _pygal()
    heights = [sum(part.value or 0 for part in parts) for parts in zip(*series.values(), strict=True)]
    marks = ticks(largest if largest is not None else max(heights, default=0))
    style = pygal.style.Style(label_font_size=LABEL_SIZE, major_label_font_size=LABEL_SIZE, font_family="sans-serif")
    chart = pygal.StackedBar(
        style=style, js=[], css=[], width=WIDTH, height=height, margin=5, spacing=9, show_legend=False,
        range=(0, marks[-1]), x_labels_major=list(labels[::-1][::every]), show_minor_x_labels=every == 1,
        truncate_label=-1, print_values=False, no_data_text="",
    )  # fmt: skip
    chart.y_labels = [{"value": mark, "label": f"{mark:,g}{unit}"} for mark in marks]
    chart.x_labels = list(labels)
    for name, parts in series.items():
        chart.add(name, [{"value": part.value, "label": part.says} for part in parts])
    return _plain(chart.render_tree(), title, list(series))


@cache
def _pygal() -> Any:
    """The library, which takes a tenth of a second to import, and only these pages need it.

    It leaves a finder for its map plugins behind that lacks `find_spec`: every later import of a missing module would
    warn about it.
    """
    import pygal

    sys.meta_path[:] = [finder for finder in sys.meta_path if not type(finder).__module__.startswith("pygal")]
    return pygal


def _plain(root: Any, title: str, names: Sequence[str]) -> Markup:
    """The picture as an image with a name, without what pygal's own style and script would need."""
    from pygal.etree import etree

    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or _dropped(child):
                parent.remove(child)
    for group in list(root.iter("g")):
        kind = group.get("class", "")
        if kind.startswith("series"):
            group.set("class", f"series {names[int(kind.split()[1].removeprefix('serie-'))]}")
        if kind == "bar":
            _say(group, etree)
    for name in ("id", "xmlns"):
        root.attrib.pop(name, None)
    for name, value in {"role": "img", "aria-label": title, "class": "chart", "focusable": "false"}.items():
        root.set(name, value)
    return Markup(etree.tostring(root, encoding="unicode"))  # noqa: S704  # made here; pygal escapes labels


def _dropped(element: Any) -> bool:
    kind = element.get("class") or ""
    return element.tag in ("defs", "title") or "overlay" in kind or kind == "titles"


def _say(bar: Any, etree: Any) -> None:
    """Turns pygal's notes about a bar into the one that browsers show under the pointer."""
    said = [note.text for note in bar.findall("desc") if note.get("class") == "label"]
    for note in bar.findall("desc"):
        bar.remove(note)
    if said:
        tip = etree.SubElement(bar, "title")
        tip.text = said[0]
