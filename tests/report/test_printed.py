"""The figures as still images: the same numbers, no text on top of another, nothing cut off."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text
from paper_sized import paper_sized

from superionic.report.gallery import draw
from superionic.report.printed.figure import printed_figure
from superionic.report.printed.files import write_figures
from superionic.report.printed.marks import colours_of, rgba, shape
from superionic.report.printed.words import printed_text

MEET_PX = 1.0
FEW = ("workflow", "conductivity-map", "planar", "surface-0")


@pytest.fixture(scope="module")
def gallery(campaign, active):
    return draw(replace(campaign, active=active))


@pytest.fixture(scope="session")
def active():
    from training_documents import make_active

    return make_active()


def faults(figure):
    """Texts that meet another one or leave the figure."""
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    boxes, unseen = [], out_of_view(figure)
    for text in figure.findobj(lambda item: isinstance(item, Text) and item.get_visible() and item.get_text().strip()):
        box = text.get_window_extent(renderer)
        if box.width > 0 and text not in unseen:
            boxes.append((text.get_text(), box))
    found = [f"{words} is cut off" for words, box in boxes if not _inside(box, figure.bbox)]
    for i, (words, a) in enumerate(boxes):
        for other, b in boxes[i + 1 :]:
            width, height = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
            if width > MEET_PX and height > 3 * MEET_PX:
                found.append(f"{words!r} meets {other!r}")
    return found


def out_of_view(figure):
    """Labels of ticks beyond the ends of their axes, which are not drawn."""
    axes = [ax for panel in figure.axes for ax in (panel, *panel.child_axes)]
    found = set()
    for ax in axes:
        for axis in ax._axis_map.values():
            low, high = sorted(axis.get_view_interval())
            pad = 1e-9 * (high - low)
            shown = axis.get_visible() and ax.axison
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not shown or not low - pad <= tick.get_loc() <= high + pad:
                    found |= {tick.label1, tick.label2}
    return found


def _inside(box, frame):
    return box.x0 > -1 and box.y0 > -1 and box.x1 < frame.x1 + 1 and box.y1 < frame.y1 + 1


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("E<sub>a</sub> (eV)", r"E$_{\mathregular{a}}$ (eV)"),
        ("10<sup>−6</sup>", r"10$^{\mathregular{−6}}$"),
        ("<b>Data set</b><br>5 &lt; 6", "$\\mathbf{Data\\ set}$\n5 < 6"),
        ("<b>Li<sub>3</sub>InCl</b>", r"$\mathbf{Li}$$_{\mathregular{3}}$$\mathbf{InCl}$"),
        ("costs $5 & 100 %", r"costs \$5 & 100 %"),
        ("<b>50 %_x</b>", r"$\mathbf{50\ \%\_x}$"),
    ],
)
def test_texts_of_the_page_become_those_of_print(html, expected):
    assert printed_text(html) == expected


def test_colours_and_symbols_are_those_of_the_page():
    assert rgba("#0072B2") == pytest.approx((0, 114 / 255, 178 / 255, 1))
    assert rgba("rgba(0,114,178,0.13)")[3] == 0.13
    with pytest.raises(ValueError, match="papayawhip"):
        rgba("papayawhip")
    assert shape("diamond-open") == ("D", False)

    class Marker:
        cmin, cmax, colorscale = 0.0, 2.0, [(0.0, "#000000"), (1.0, "#ffffff")]

    low, middle, none = colours_of([0.0, 1.0, None], Marker)
    assert low[:3] == (0, 0, 0)
    assert middle[:3] == pytest.approx((0.5, 0.5, 0.5))
    assert none[:3] == (1, 1, 1)


@pytest.mark.parametrize("name", FEW)
def test_no_text_meets_another_or_leaves_the_image(gallery, name):
    (chart,) = [chart for chart in gallery.charts if chart.identity == name]
    assert faults(printed_figure(chart)) == []


def test_marks_of_print_lie_where_those_of_the_page_lie(gallery):
    (chart,) = [chart for chart in gallery.charts if chart.identity == "planar"]
    figure = printed_figure(chart)
    left = figure.axes[0]
    drawn = np.concatenate(
        [collection.get_offsets() for collection in left.collections if len(collection.get_offsets()) == 5]
    )
    traces = [trace for trace in chart.figure.data if trace.mode == "markers" and (trace.xaxis or "x") == "x"]
    expected = np.concatenate([np.column_stack([trace.x, trace.y]) for trace in traces])
    assert len(expected) == 15
    for point in expected:
        assert np.isclose(drawn, point, rtol=1e-12).all(axis=1).any()
    assert left.get_xscale() == left.get_yscale() == "log"
    np.testing.assert_allclose(np.log10(left.get_xlim()), chart.figure.layout.xaxis.range)


def test_files_hold_image_numbers_and_caption(gallery, tmp_path):
    (chart,) = [chart for chart in gallery.charts if chart.identity == "cost"]
    written = write_figures([chart], tmp_path / "new" / "folder")
    assert [path.name for path in written] == ["cost.png", "cost.svg", "cost.csv", "captions.md"]
    assert written[0].read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader(written[2].open(encoding="utf-8")))
    assert [float(row["wall_time_s"]) for row in rows] == list(chart.columns["wall_time_s"])
    assert "## Cost per stage" in written[3].read_text(encoding="utf-8")
    first = written[1].read_bytes()
    write_figures([chart], tmp_path / "again")
    assert (tmp_path / "again" / "cost.svg").read_bytes() == first


@pytest.mark.integration
def test_no_text_meets_another_in_any_figure_of_a_small_and_a_large_campaign(gallery, campaign, synthetic):
    large = draw(paper_sized(campaign, synthetic["phase_diagram"]), 800.0)
    bad = {
        chart.identity: found for chart in (*gallery.charts, *large.charts) if (found := faults(printed_figure(chart)))
    }
    assert bad == {}
