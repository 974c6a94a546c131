import json
import re

from superionic.report.markup import Html, details, formula, join, json_script, table, tag, unavailable

EVIL = '<script>alert("x")</script>'


def test_everything_that_is_not_html_is_escaped():
    made = [
        tag("p", EVIL, title=EVIL),
        table([EVIL], [[EVIL]], groups=[(EVIL, 1)]),
        join([EVIL], EVIL),
        formula(EVIL),
        details(EVIL, EVIL),
        unavailable(EVIL),
    ]
    for html in made:
        assert "<script" not in html
        assert "&lt;script&gt;" in html


def test_attributes_and_void_tags():
    assert tag("a", "x", class_="n", data_chart="c", href=None) == '<a class="n" data-chart="c">x</a>'
    assert tag("meta", name="viewport") == '<meta name="viewport">'
    assert tag("b", Html("<i>1</i>")) == "<b><i>1</i></b>"


def test_formula_subscripts():
    assert formula("Li3In0.5Y0.5Br6") == "Li<sub>3</sub>In<sub>0.5</sub>Y<sub>0.5</sub>Br<sub>6</sub>"
    assert formula("Na3(PO4)2") == "Na<sub>3</sub>(PO<sub>4</sub>)<sub>2</sub>"


def test_json_cannot_end_its_element():
    html = json_script("d", {"name": EVIL})
    inner = re.fullmatch(r'<script type="application/json" id="d">(.*)</script>', html)[1]
    assert "<" not in inner
    assert json.loads(inner) == {"name": EVIL}


def test_numeric_columns_and_groups():
    html = table(["a", "b", "c"], [["1", "2", "3"]], numeric=[1], groups=[("A", 1), ("B", 2)])
    assert '<td class="n split">2</td>' in html
    assert '<th colspan="2" class="split" scope="colgroup">B</th>' in html
