"""The figures of a report as files: PNG and SVG images, CSV numbers, captions."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from html import unescape
from itertools import zip_longest
from pathlib import Path

from matplotlib import rc_context

from superionic.report.markup import text
from superionic.report.printed.figure import LOOK, printed_figure
from superionic.report.theme import Chart

PNG_DPI = 300
CAPTIONS = "captions.md"


def write_figures(charts: Sequence[Chart], folder: str | Path) -> list[Path]:
    """Write every figure as image and numbers, and the captions of all.

    Parameters
    ----------
    charts : sequence of Chart
        The figures.
    folder : str or Path
        Where to; made if it is not there. Files of the same names are replaced.

    Returns
    -------
    list of Path
        What was written: per figure ``<name>.png`` (300 dpi), ``<name>.svg`` and ``<name>.csv``, then ``captions.md``.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for chart in charts:
        image = printed_figure(chart)
        with rc_context(LOOK):
            for kind in ("png", "svg"):
                written.append(target / f"{chart.identity}.{kind}")
                # without a date the same figure gives the same file
                image.savefig(written[-1], dpi=PNG_DPI, metadata={"Date": None} if kind == "svg" else None)
        if chart.columns:
            written.append(target / f"{chart.identity}.csv")
            _write_csv(chart, written[-1])
    written.append(target / CAPTIONS)
    written[-1].write_text("\n".join(_caption(chart) for chart in charts), encoding="utf-8")
    return written


def _write_csv(chart: Chart, path: Path) -> None:
    columns = chart.plain_columns()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip_longest(*columns.values(), fillvalue=None))


def _caption(chart: Chart) -> str:
    title, words = (unescape(re.sub(r"<[^>]*>", "", text(part))) for part in (chart.title, chart.caption))
    return f"## {title}\n\n`{chart.identity}`. {words}\n"
