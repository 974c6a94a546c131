"""Puts the report of one system into the page of the documentation."""

from __future__ import annotations

import os
from pathlib import Path


def put(page: Path, system: str, content: str) -> None:
    """Replace what stands between the comments ``% begin SYSTEM`` and ``% end SYSTEM``.

    Raises
    ------
    ValueError
        If the page does not have each of them once.
    """
    begin, end = f"% begin {system}\n", f"% end {system}\n"
    text = page.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"{page} must have the lines {begin.strip()!r} and {end.strip()!r} once, in this order")
    head, tail = text.split(begin)[0] + begin, end + text.split(end)[1]
    page.write_text(f"{head}\n{content.strip()}\n\n{tail}", encoding="utf-8")


def figure_block(page: Path, figure: Path) -> str:
    """The figure as the page shows it."""
    place = Path(os.path.relpath(figure, page.parent)).as_posix()
    caption = (
        "Own relaxations: formation energies against the teacher's, and of the lowest ordering of each composition; "
        "diffusivities with their 68 % errors, widened where the verdict is not ok; exploded runs have none."
    )
    return f"```{{figure}} {place}\n{caption}\n```"
