"""What every page is made of: one HTML file that holds its style, its scripts and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from superionic.errors import NotConfiguredError
from superionic.report.markup import Content, Html, json_script, tag

if TYPE_CHECKING:
    from superionic.report.theme import Chart


def write_page(path: str | Path, content: str) -> Path:
    """Write a page in one step; folders above it are made.

    Returns
    -------
    Path
        The file.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # a reader who reloads while it is written must not see half a page
    partial = target.with_name(target.name + ".part")
    partial.write_text(content, encoding="utf-8")
    return partial.replace(target)


def html_page(title: str, *body: Content) -> str:
    """A page around its visible parts.

    Raises
    ------
    NotConfiguredError
        If plotly is not installed.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        # keeps the browser from asking for an icon
        tag("link", rel="icon", href="data:,"),
        tag("style", Html(_resource("style.css"))),
    )
    scripts = (tag("script", Html(source)) for source in (plotly_source(), _resource("page.js")))
    skip = tag("a", "Skip to the results", href="#main", class_="skip")
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', skip, *body, *scripts), lang='en')}\n"


def section(identity: str, title: str, content: Content) -> Html:
    """A section with its heading."""
    return tag(
        "section", tag("h2", title, id=f"{identity}-title"), content, id=identity, aria_labelledby=f"{identity}-title"
    )


def navigation(sections: Sequence[tuple[str, str]]) -> Html:
    """Links to the sections: identity and title of each."""
    links = (tag("a", title, href=f"#{identity}") for identity, title in sections)
    return tag("nav", *links, aria_label="Sections of the report")


def grid(charts: Sequence[Chart | None]) -> Html:
    """Figures side by side."""
    return tag("div", *(card(chart) for chart in charts if chart is not None), class_="grid")


def card(chart: Chart) -> Html:
    """A figure with its caption and its numbers."""
    name, words = f"title-{chart.identity}", f"caption-{chart.identity}"
    figure = tag(
        "div",
        class_="plot",
        id=f"plot-{chart.identity}",
        style=f"height:{chart.height_px}px",
        role="img",
        aria_labelledby=name,
        aria_describedby=words,
    )
    shared = {"type": "button", "data_chart": chart.identity, "aria_describedby": name}
    numbers = tag("button", "Data (CSV)", class_="csv", **shared) if chart.columns else None
    images = [tag("button", f"Image ({kind.upper()})", class_=kind, **shared) for kind in ("svg", "png")]
    caption = tag("figcaption", tag("span", chart.caption, id=words), tag("span", numbers, *images, class_="save"))
    return tag(
        "figure",
        tag("h3", chart.title, id=name),
        figure,
        caption,
        json_script(f"figure-{chart.identity}", chart.figure.to_json()),
        json_script(f"data-{chart.identity}", chart.plain_columns()),
        class_="card wide" if chart.wide else "card",
        data_figure=chart.identity,
        aria_labelledby=name,
    )


def plotly_source() -> str:
    """The plotting library that a page carries along.

    Raises
    ------
    NotConfiguredError
        If plotly is not installed.
    """
    require_plotly()
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def require_plotly() -> None:
    """Say how to get plotly where it is missing.

    Raises
    ------
    NotConfiguredError
        If it is not installed.
    """
    if find_spec("plotly") is None:
        raise NotConfiguredError("the page needs plotly: pip install 'superionic[report]'")


def _resource(name: str) -> str:
    return files("superionic.report").joinpath(name).read_text(encoding="utf-8")
