"""What all commands share: tables and JSON to stdout, everything else to stderr."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer

PLAIN_WIDTH = 140
"""Columns of a table that goes to a file or pipe."""
LARGEST_WRITTEN_OUT = 10**12
_SECONDS_PER = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([dhms])")


def seconds(text: str | float) -> float:
    """Read a time such as ``13800``, ``3h50m`` or ``1.5h``, in seconds.

    Raises
    ------
    typer.BadParameter
        If it is none.
    """
    text = str(text)  # typer hands over defaults as they are
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _SECONDS_PER[unit] for number, unit in parts)
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: write 13800 (seconds), 230m or 3h50m") from None


def emit_json(data: Any) -> None:  # noqa: ANN401 (anything JSON can hold)
    """Write machine-readable output."""
    sys.stdout.write(json.dumps(data, indent=2, default=str) + "\n")


def emit_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV with a header; lists and mappings become JSON, missing values stay empty."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        values = (row.get(name) for name in columns)
        writer.writerow([json.dumps(v, default=str) if isinstance(v, list | dict) else v for v in values])


def emit_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table to stdout."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(file=sys.stdout)
    if not sys.stdout.isatty():
        console.width = PLAIN_WIDTH
    console.print(table)


def say(message: str) -> None:
    """Write a message for people to stderr."""
    typer.echo(message, err=True)


def count_text(count: int) -> str:
    """Write a count with separators, from 10^12 on with three digits."""
    return f"{count:,}" if count < LARGEST_WRITTEN_OUT else f"{float(count):.3g}"
