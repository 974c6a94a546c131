import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superionic.errors import TransportInputError
from superionic.transport import ErrorSource, Verdict, fit_arrhenius, nernst_einstein
from superionic.units import BOLTZMANN_EV_PER_K

T = np.array([800.0, 900.0, 1000.0, 1100.0])


def exact(ea=0.3, d0=1e-3, temperatures=T):
    return d0 * np.exp(-ea / (BOLTZMANN_EV_PER_K * temperatures))


@given(ea=st.floats(0.02, 2.0), ln_d0=st.floats(-12.0, 0.0), relative=st.floats(1e-4, 0.5))
def test_an_exact_line_is_recovered(ea, ln_d0, relative):
    d = exact(ea, np.exp(ln_d0))
    for method in ("weighted", "unweighted"):
        fit = fit_arrhenius(T, d, relative * d, method=method)
        assert fit.activation_energy_eV == pytest.approx(ea, rel=1e-6)
        assert np.log(fit.prefactor_cm2_per_s) == pytest.approx(ln_d0, abs=1e-6)
        assert fit.diffusivity_at(900.0).value == pytest.approx(d[1], rel=1e-6)


def test_errors_of_the_notes_four_points_of_four_percent():
    d = exact()
    fit = fit_arrhenius(T, d, 0.04 * d)
    assert fit.activation_energy_std_eV == pytest.approx(0.0135, abs=0.0003)
    room = fit.diffusivity_at(300.0, level=0.6827)
    assert np.log(room.high / room.value) == pytest.approx(0.36, abs=0.01)
    assert room.extrapolated
    assert room.verdict is Verdict.EXTRAPOLATED
    assert not fit.diffusivity_at(800.0).extrapolated


def test_intervals_cover_and_scatter_beyond_the_errors_widens_them():
    rng = np.random.default_rng(0)
    for true_error, least in ((0.1, 0.92), (0.3, 0.90)):
        hits = 0
        for _ in range(200):
            d = exact() * np.exp(true_error * rng.normal(size=4))
            low, high = fit_arrhenius(T, d, 0.1 * d).activation_energy_interval95_eV
            hits += low <= 0.3 <= high
        assert hits / 200 >= least
    bent = exact() * np.array([1.0, 2.0, 0.5, 1.0])
    fit = fit_arrhenius(T, bent, 0.01 * bent)
    assert fit.error_source is ErrorSource.SCATTER
    assert fit.degrees_of_freedom == 2
    assert fit.chi_reduced > 10
    assert any("scatter" in warning for warning in fit.warnings)


def test_the_unweighted_error_is_the_one_of_the_literature():
    d = exact() * np.array([1.1, 0.9, 1.05, 0.97])
    fit = fit_arrhenius(T, d, method="unweighted")
    x = 1.0 / T
    coefficients, residual, *_ = np.polyfit(x, np.log(d), 1, full=True)
    expected = BOLTZMANN_EV_PER_K * np.sqrt(residual[0] / 2 / (4 * x.var()))
    assert fit.activation_energy_eV == pytest.approx(-coefficients[0] * BOLTZMANN_EV_PER_K)
    assert fit.activation_energy_std_eV == pytest.approx(expected)


def test_two_temperatures_propagate_the_errors_and_say_so():
    d = exact(temperatures=T[:2])
    fit = fit_arrhenius(T[:2], d, 0.1 * d)
    span = 1 / (BOLTZMANN_EV_PER_K * 800.0) - 1 / (BOLTZMANN_EV_PER_K * 900.0)
    assert fit.activation_energy_std_eV == pytest.approx(0.1 * np.sqrt(2) / span, rel=1e-3)
    assert fit.error_source is ErrorSource.PROPAGATED
    assert fit.chi_reduced is None
    assert "two points" in fit.warnings[0]


def test_conductivity_from_a_density_or_from_conductivities():
    d = exact()
    sigma = [nernst_einstein(di, 0.012, 1.0, ti) for di, ti in zip(d, T, strict=True)]
    by_density = fit_arrhenius(T, d, 0.1 * d, number_density_per_A3=0.012).conductivity_at(300.0)
    by_sigma = fit_arrhenius(T, d, 0.1 * d, conductivities_S_per_cm=sigma).conductivity_at(300.0)
    expected = nernst_einstein(float(exact(temperatures=300.0)), 0.012, 1.0, 300.0)
    assert by_density.value == pytest.approx(expected, rel=1e-6)
    assert by_sigma.value == pytest.approx(expected, rel=1e-6)
    assert by_density.low < by_density.value < by_density.high
    assert fit_arrhenius(T, d, 0.1 * d).conductivity_at(900.0, 0.012).value == pytest.approx(sigma[1])
    with pytest.raises(TransportInputError, match="number_density_per_A3"):
        fit_arrhenius(T, d, 0.1 * d).conductivity_at(900.0)
    with pytest.raises(TransportInputError, match="one material"):
        fit_arrhenius(T, d, 0.1 * d, conductivities_S_per_cm=np.array(sigma) * [1, 1, 1, 2])


def test_bad_points_are_left_out_with_their_reasons():
    d = exact() * np.array([1.0, 1.0, 1.0, 50.0])
    d[0] = 0.0
    verdicts = [Verdict.TOO_FEW_HOPS, "ok", Verdict.OK, "ok"]
    fit = fit_arrhenius(T, d, 0.1 * d, verdicts=verdicts, exclude={3: "melts"})
    assert fit.activation_energy_eV == pytest.approx(0.3)
    assert [(p.temperature_K, p.reason) for p in fit.excluded] == [(800.0, "verdict too_few_hops"), (1100.0, "melts")]


@pytest.mark.parametrize(
    ("t", "d", "e", "extra", "words"),
    [
        ([800.0], [1e-5], [1e-6], {}, "two different temperatures"),
        ([800.0, 800.0], [1e-5, 1e-5], [1e-6, 1e-6], {}, "two different temperatures"),
        ([800.0, 900.0], [1e-5], [1e-6], {}, "equally"),
        ([800.0, 900.0], [1e-5, 0.0], [1e-6, 1e-6], {}, "point 1"),
        ([800.0, 900.0], [1e-5, 1e-5], [1e-6, 0.0], {}, "point 1"),
        ([800.0, 900.0], [1e-5, np.nan], [1e-6, 1e-6], {}, "point 1"),
        ([-800.0, 900.0], [1e-5, 1e-5], [1e-6, 1e-6], {}, "point 0"),
        ([800.0, 900.0], [1e-5, 1e-5], None, {}, "unweighted"),
        ([800.0, 900.0], [1e-5, 1e-5], [1e-6, 1e-6], {"method": "robust"}, "weighted"),
        ([800.0, 900.0], [1e-5, 1e-5], [1e-6, 1e-6], {"exclude": {5: "?"}}, "point 5"),
        ([800.0, 900.0], [1e-5, 1e-5], [1e-6, 1e-6], {"verdicts": ["ok"]}, "1 verdicts"),
        ([800.0, 900.0], [1e-5, 1e-5], [1e-6, 1e-6], {"verdicts": ["ok", "not_diffusive"]}, "not_diffusive"),
    ],
)
def test_what_cannot_be_fitted_is_refused(t, d, e, extra, words):
    with pytest.raises(TransportInputError, match=words):
        fit_arrhenius(t, d, e, **extra)


def curved(seed, bend_eV):
    """Five temperatures, 5 % errors; the activation energy changes by `bend_eV` from hot to cold."""
    temperatures = np.array([600.0, 700.0, 800.0, 900.0, 1000.0])
    x = 1.0 / (8.617333262e-5 * temperatures)
    z = (x - x.min()) / (x.max() - x.min())
    energy = 0.3 * x + 0.5 * bend_eV * (x.max() - x.min()) * z**2
    noise = np.exp(0.05 * np.random.default_rng(seed).normal(size=5))
    values = 1e-3 * np.exp(-energy) * noise
    return temperatures, values, 0.05 * values


def test_straight_plots_are_called_curved_as_rarely_as_they_should():
    found = [fit_arrhenius(*curved(seed, 0.0)).curvature for seed in range(300)]
    assert np.mean([c.significant for c in found]) < 0.08
    assert np.mean([abs(c.energy_change_eV) < c.energy_change_std_eV for c in found]) > 0.6


def test_curved_plots_are_noticed_with_the_right_change():
    found = [fit_arrhenius(*curved(seed, 0.6)) for seed in range(20)]
    assert np.mean([f.curvature.energy_change_eV for f in found]) == pytest.approx(0.6, abs=0.08)
    assert np.mean([f.curvature.significant for f in found]) > 0.8
    assert any("curved" in warning for warning in found[0].warnings)
    assert fit_arrhenius([700, 800], [1e-6, 2e-6], [1e-7, 1e-7]).curvature is None
    assert fit_arrhenius([700, 800, 900], [1e-6, 2e-6, 3e-6], method="unweighted").curvature is None
