"""Texts of the page's figures, which are HTML, as matplotlib reads them."""

from __future__ import annotations

import re
from html import unescape

MARKS = {"sub": ("_", "regular"), "sup": ("^", "regular"), "b": ("", "bf")}
TAG = re.compile(r"<(sub|sup|b|em|i)>(.*?)</\1>", re.DOTALL)
BREAK = re.compile(r"<br\s*/?>")


def printed_text(text: str) -> str:
    r"""Text with subscripts, superscripts and bold parts as mathematical text, and real line breaks.

    Parameters
    ----------
    text : str
        Text of a plotly figure.

    Returns
    -------
    str
        Text for matplotlib.

    Examples
    --------
    >>> printed_text("Li<sub>3</sub>PS<sub>4</sub>, 5 &lt; 6")
    'Li$_{\\mathregular{3}}$PS$_{\\mathregular{4}}$, 5 < 6'
    """
    return "\n".join(_line(part) for part in BREAK.split(text))


def _line(text: str) -> str:
    pieces, end = [], 0
    for found in TAG.finditer(text):
        pieces += [_plain(text[end : found.start()]), _marked(found[1], found[2])]
        end = found.end()
    return "".join([*pieces, _plain(text[end:])])


def _marked(name: str, content: str) -> str:
    if name in {"em", "i"}:
        return _line(content)
    sign, face = MARKS[name]
    if name == "b":
        # bold letters and their subscripts alternate
        parts = re.split(r"(<su[bp]>.*?</su[bp]>)", content)
        return "".join(_line(part) if part.startswith("<su") else _bold(part) for part in parts if part)
    return f"${sign}{{\\math{face}{{{_escaped(content)}}}}}$"


def _bold(text: str) -> str:
    return f"$\\mathbf{{{_escaped(text)}}}$"


def _escaped(text: str) -> str:
    """Plain text inside of mathematical text, where blanks count only if they are escaped."""
    inside = unescape(re.sub(r"<[^>]*>", "", text))
    return re.sub(r"([\\#$%&_{}^~])", r"\\\1", inside).replace(" ", "\\ ")


def _plain(text: str) -> str:
    """Text outside: only a dollar sign has a meaning there."""
    return unescape(re.sub(r"<[^>]*>", "", text)).replace("$", r"\$")
