"""A real SCAN calculation: LiCl by CP2K, checked against its own energies."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from superionic.errors import NotConfiguredError
from superionic.labelling.cp2k import LEVEL_OF_THEORY, cp2k_single_point
from superionic.labelling.cp2k_jobs import Cp2kStaticMaker
from superionic.labelling.cp2k_process import check_cp2k
from superionic.labelling.schemas import Refusal
from superionic.sampling.strain import apply_strain
from superionic.stages import Cp2kSettings, LabelEngine, LabellingSettings

pytestmark = [pytest.mark.dft, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module", autouse=True)
def _cp2k():
    try:
        check_cp2k()
    except NotConfiguredError as error:
        pytest.skip(f"CP2K is absent: {error}")


@pytest.fixture(scope="module")
def compressed():
    """Eight atoms of rock-salt LiCl, compressed and shaken, so that force and stress are well above the grid noise."""
    face_centres = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    sites = np.concatenate([face_centres, face_centres + np.array([0.5, 0, 0])])
    return Structure(
        Lattice.cubic(4.95), ["Li"] * 4 + ["Cl"] * 4, sites + np.random.default_rng(0).normal(0, 0.02, (8, 3))
    )


@pytest.fixture(scope="module")
def label(compressed, tmp_path_factory):
    return cp2k_single_point(compressed, folder=tmp_path_factory.mktemp("label"))


def test_label_passes_the_gate_and_is_named(compressed, tmp_path, monkeypatch, label):
    monkeypatch.setattr("superionic.labelling.cp2k.cp2k_single_point", lambda *_: label)  # it costs minutes: not twice
    maker = Cp2kStaticMaker(settings=LabellingSettings(engine=LabelEngine.CP2K_SCAN))
    document = maker._judged(compressed, "parent", 0)
    assert document.accepted, document.message
    assert document.level_of_theory == LEVEL_OF_THEORY() == "SCAN (CP2K GTH-SCAN, DZVP-MOLOPT-SCAN, 700 Ry)"
    assert document.calculation.code.startswith("CP2K 2")
    assert document.calculation.n_scf_steps > 5
    assert document.calculation.settings["k_mesh"] == [3, 3, 3]


def test_force_is_the_slope_of_the_energy(compressed, label, tmp_path):
    step_A = 0.05
    moved = compressed.copy()
    moved.translate_sites([0], [step_A, 0, 0], frac_coords=False)
    other = cp2k_single_point(moved, folder=tmp_path)
    slope = (other.energy_eV - label.energy_eV) / step_A
    mean_force = (label.forces_eV_per_A[0, 0] + other.forces_eV_per_A[0, 0]) / 2
    print(f"force {mean_force:.4f}, slope {-slope:.4f} eV/A")  # noqa: T201 (for the record of the run)
    assert abs(mean_force) > 0.1
    assert mean_force == pytest.approx(-slope, abs=0.04)


def test_stress_is_the_slope_with_strain_and_negative_under_pressure(compressed, label, tmp_path):
    size = 0.01
    strained = apply_strain(compressed, np.diag([size, 0, 0]))
    other = cp2k_single_point(strained, folder=tmp_path)
    slope = (other.energy_eV - label.energy_eV) / size
    first, second = (
        point.stress_eV_per_A3[0, 0] * structure.volume for point, structure in ((label, compressed), (other, strained))
    )
    mean_eV_per_A3 = (first + second / (1 + size)) / 2 / compressed.volume  # dE/dstrain, not Cauchy's, at the end
    print(f"stress {mean_eV_per_A3:.5f}, slope {slope / compressed.volume:.5f} eV/A^3")  # noqa: T201
    assert mean_eV_per_A3 < -0.005
    assert mean_eV_per_A3 == pytest.approx(slope / compressed.volume, abs=2e-3)


def test_unconverged_cycle_is_refused_by_name(compressed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    coarse = Cp2kSettings(cutoff_Ry=150, allow_coarse_grid=True, kspacing_per_A=None, max_scf=2)
    document = Cp2kStaticMaker(settings=LabellingSettings(cp2k=coarse))._judged(compressed, "parent", 0)
    assert document.refusal is Refusal.NOT_CONVERGED
    assert document.energy_eV is None
    assert "150 Ry, Gamma" in document.level_of_theory
    assert "cp2k-" in document.calculation.folder


def test_slow_calculation_is_ended(compressed, tmp_path):
    hasty = Cp2kSettings(cutoff_Ry=150, allow_coarse_grid=True, kspacing_per_A=None, timeout_s=2)
    with pytest.raises(Exception, match="timeout_s = 2 s") as caught:
        cp2k_single_point(compressed, hasty, tmp_path)
    assert caught.value.cause is Refusal.FROZEN
