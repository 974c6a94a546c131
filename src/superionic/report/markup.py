"""HTML from Python, escaped unless it is marked as HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from html import escape, unescape
from typing import Any


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Html | None
VOID_TAGS = frozenset({"br", "hr", "link", "meta"})


def text(content: Content) -> Html:
    """Escaped content; None is nothing."""
    if content is None:
        return Html("")
    return content if isinstance(content, Html) else Html(escape(content))


def tag(name: str, /, *content: Content, **attributes: str | None) -> Html:
    """An element; ``class_`` and ``data_x`` stand for ``class`` and ``data-x``, None leaves an attribute out."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID_TAGS:
        return Html(f"<{name}{shown}>")
    return Html(f"<{name}{shown}>{''.join(text(part) for part in content)}</{name}>")


def join(parts: Iterable[Content], separator: str = "") -> Html:
    """Pieces in a row."""
    return Html(separator.join(text(part) for part in parts))


def formula(value: str) -> Html:
    """A chemical formula with subscripts; what follows it, such as the name of a polymorph, stays as it is."""
    chemical, gap, rest = escape(value).partition(" ")
    return Html(re.sub(r"(?<=[A-Za-z)\]])(\d+(?:\.\d+)?)", r"<sub>\1</sub>", chemical) + gap + rest)


def table(
    header: Sequence[Content],
    rows: Iterable[Sequence[Content]],
    *,
    numeric: Iterable[int] = (),
    groups: Sequence[tuple[str, int]] = (),
) -> Html:
    """A table; the columns in ``numeric`` are aligned to the right.

    Parameters
    ----------
    header : sequence of str
        Column titles.
    rows : iterable of sequences of str
        Cells.
    numeric : iterable of int
        Columns that hold numbers.
    groups : sequence of (str, int)
        Titles above the header, each with the number of columns it spans.

    Returns
    -------
    Html
        The table, in a box that scrolls on its own where it is too wide.
    """
    right = frozenset(numeric)
    starts = {sum(span for _, span in groups[:i]) for i in range(1, len(groups))}

    def classes(column: int) -> str | None:
        return " ".join(["n"] * (column in right) + ["split"] * (column in starts)) or None

    def cells(kind: str, row: Sequence[Content]) -> Html:
        made = []
        for i, cell in enumerate(row):
            # the first cell of a row names it
            names_row = kind == "td" and i == 0
            scope = {"scope": "row"} if names_row else {"scope": "col"} if kind == "th" else {}
            made.append(tag("th" if names_row else kind, cell, class_=classes(i), **scope))
        return tag("tr", *made)

    titles = (
        tag("th", title, colspan=str(span), class_="split" if i else None, scope="colgroup")
        for i, (title, span) in enumerate(groups)
    )
    above = tag("tr", *titles, class_="groups") if groups else None
    head = tag("thead", above, cells("th", header))
    body = tag("tbody", *(cells("td", row) for row in rows))
    # a box that may scroll must be reached by the keyboard
    box = {"tabindex": "0", "role": "region", "aria_label": f"Table: {_words(header)}"}
    return tag("div", tag("table", head, body), class_="scroll", **box)


def _words(header: Sequence[Content]) -> str:
    """Titles of a table in a row, for those who hear it."""
    plain = (unescape(re.sub(r"<[^>]*>", "", text(part))).strip() for part in header)
    return ", ".join(word for word in plain if word)


def details(summary: Content, *content: Content, open_: bool = False) -> Html:
    """A part that can be folded away."""
    return tag("details", tag("summary", summary), *content, open="" if open_ else None)


def json_script(identity: str, data: Any) -> Html:  # noqa: ANN401 (anything that json can write, or its text)
    """JSON inside a page; ``<`` is escaped so that no value can end the element."""
    content = data if isinstance(data, str) else json.dumps(data, allow_nan=False, separators=(",", ":"))
    safe = content.replace("<", "\\u003c")
    return tag("script", Html(safe), type="application/json", id=identity)


def unavailable(reason: str) -> Html:
    """What stands in the place of a result that does not exist."""
    return tag("p", f"Not available: {reason}", class_="missing")
