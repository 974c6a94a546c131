import pytest

from superionic.errors import TransportInputError
from superionic.transport import analyze_trajectory, nernst_einstein


def test_nernst_einstein_against_a_number_worked_out_by_hand():
    # n = 1e22 /cm^3, q = 1.602176634e-19 C, D = 1e-5 cm^2/s, k_B T = 1.380649e-23 * 800 J
    # sigma = 1e22 * 2.566969967e-38 * 1e-5 / 1.1045192e-20 = 0.23240609 S/cm
    assert nernst_einstein(1e-5, 0.01, 1.0, 800.0) == pytest.approx(0.23240609, rel=1e-6)
    assert nernst_einstein(1e-5, 0.01, 2.0, 400.0) == pytest.approx(8 * 0.23240609, rel=1e-6)


def test_conductivity_of_a_run_uses_its_own_density_and_charge(make_run):
    run = make_run(1)
    result = analyze_trajectory(*run.arguments, charge_e=2.0)
    assert result.number_density_per_A3 == pytest.approx(24 / 12.0**3)
    assert result.conductivity_S_per_cm == pytest.approx(
        nernst_einstein(result.diffusivity_cm2_per_s, 24 / 12.0**3, 2.0, 800.0)
    )
    ratio = result.conductivity_S_per_cm / result.diffusivity_cm2_per_s
    assert result.conductivity_std_S_per_cm == pytest.approx(ratio * result.diffusivity_std_cm2_per_s)
    assert result.conductivity_axes_S_per_cm == pytest.approx(ratio * result.diffusivity_axes_cm2_per_s)


@pytest.mark.parametrize("bad", [(0.0, 1.0, 300.0), (0.01, 0.0, 300.0), (0.01, 1.0, -5.0)])
def test_impossible_conditions_are_refused(bad):
    with pytest.raises(TransportInputError):
        nernst_einstein(1e-5, *bad)
