from dataclasses import replace

import pytest

from superionic.report.figures_published import published_conductivities, published_trace
from superionic.report.figures_transport import arrhenius_chart
from superionic.report.numbers import significant, with_error
from superionic.report.tables_references import stability_references, transport_references
from superionic.stability.schemas import GroundStateDetails


def _with(doc, **changes):
    return doc.model_copy(update=changes)


def _first(campaign, **changes):
    """The campaign with one conductivity, that of Li3InCl6, changed."""
    doc = next(doc for doc in campaign.conductivities if doc.composition.formula == "Li3InCl6")
    return replace(campaign, conductivities=(_with(doc, **changes),))


def test_published_numbers_stand_beside_ours_with_level_and_source(campaign):
    page = transport_references(_first(campaign, activation_energy_eV=0.3456, activation_energy_std_eV=0.012))
    assert with_error(0.3456, 0.012) in page
    for words in ("0.24", "MACE-MP-0a tuned to SCAN", "AIMD", "ref. 82", "doi 10.1039/d5ta05321h", "experiment"):
        assert words in page
    assert "0.77" not in page  # of another composition


@pytest.mark.parametrize(("reference_K", "shown"), [(300.0, True), (298.15, True), (310.0, False)])
def test_extrapolated_conductivities_are_compared_at_their_temperature_only(campaign, reference_K, shown):
    changes = {"points": [], "reference_temperature_K": reference_K, "conductivity_at_reference_S_per_cm": 1.23e-3}
    page = transport_references(_first(campaign, **changes))
    assert (f"fit, at {reference_K:g} K" in page) is shown
    assert (significant(1.23e-3) in page) is shown


def test_hull_distances_are_compared_and_nothing_is_shown_for_an_unknown_system(campaign):
    page = stability_references(campaign)
    assert "energy above hull (meV/atom)" in page
    assert "Li<sub>3</sub>YBr<sub>6</sub>" in page
    assert stability_references(replace(campaign, phase_diagram=None)) is None
    doc = campaign.conductivities[0]
    other = _with(doc, composition=_with(doc.composition, formula="LiI"))
    assert transport_references(replace(campaign, conductivities=(other,))) is None


def test_lattice_constants_of_the_host_stand_beside_published_ones(campaign):
    doc = campaign.phase_diagram
    cell = (7.011, 12.02, 6.9, 90.0, 110.26, 90.04)
    details = GroundStateDetails(
        occupancies=[], lattice_constants=cell, motifs={}, rms_displacement_A=0.1, max_displacement_A=0.2
    )
    entries = [_with(entry, ground_state=details if entry.lowest else None) for entry in doc.entries]
    described = replace(campaign, phase_diagram=_with(doc, entries=entries))
    page = stability_references(described)
    assert "7.01, 12.02, 6.90, β 110.3°" in page
    assert "6.92, 11.97, 6.86, β 109.8°" in page
    assert "ICSD 29961" in page
    assert "a, b, c" not in stability_references(campaign)
    host = campaign.spec.host.model_copy(update={"primitive": True})
    primitive = replace(described, spec=campaign.spec.model_copy(update={"host": host}))
    assert "ICSD 29961" not in stability_references(primitive)


def test_published_conductivities_are_stars_where_the_plot_reaches(campaign):
    docs = [doc for doc in campaign.conductivities if doc.composition.formula in {"Li3InCl6", "Li3YBr6"}]
    assert published_trace(docs, 700.0, 900.0) is None
    found = published_conductivities(docs, 300.0, 900.0)
    assert {(value.formula, value.temperature_K) for _, value in found} == {("Li3InCl6", 298), ("Li3YBr6", 298)}
    trace = published_trace(docs, 300.0, 900.0)
    ends = {
        (round(y + up, 9), round(y - down, 9))
        for y, up, down in zip(trace.y, trace.error_y.array, trace.error_y.arrayminus, strict=True)
    }
    assert ends == {(4.03e-3, 7.9e-4), (1.7e-3, 3e-5)}
    shown = [
        trace for trace in arrhenius_chart(campaign.conductivities).figure.data if trace.legendgroup == "published"
    ]
    assert sum(trace.showlegend is not False for trace in shown) == 1
