"""The Monte Carlo section of the report; synthetic documents."""

from dataclasses import replace

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from superionic.documents import CompositionInfo
from superionic.potentials.schemas import PotentialRef
from superionic.report.figures_montecarlo import MAX_POINTS, expansion_chart, trace_chart
from superionic.report.page import render
from superionic.sampling.montecarlo_schemas import ClusterExpansionDoc, MonteCarloDoc, MonteCarloRunDoc, TemperatureStep

PLACE = CompositionInfo(axes={"x": 2.0}, label="x=2 (Monte Carlo, 900 K)", formula="Na3Zr2Si2PO12")
POTENTIAL = PotentialRef(name="tuned", sha256="0" * 64, level_of_theory="teacher: synthetic numbers")


def run(replica, verdict="ok", sweeps=3000):
    decay = np.exp(-np.arange(sweeps) / 300)
    return MonteCarloRunDoc(
        key=f"{replica}" * 32,
        composition=PLACE,
        replica=replica,
        seed=replica,
        energy="cluster-expansion",
        level_of_theory=POTENTIAL.level_of_theory,
        supercell=(4, 4, 4),
        n_atoms=2560,
        n_sites=896,
        freeze_K=900.0,
        steps=[TemperatureStep(temperature_K=900.0, sweeps=sweeps, acceptance=0.1, energy_eV=-20250.0)],
        temperatures_K=(900 + 2100 * decay).tolist(),
        energies_eV=(-20250 + 40 * decay + replica).tolist(),
        acceptances=(0.1 + 0.5 * decay).tolist(),
        production_start=1000,
        tau_sweeps=3.5,
        tau_std_sweeps=0.4,
        mean_energy_eV=-20250.0 + replica,
        mean_energy_std_eV=0.1,
        drift=0.3,
        verdict=verdict,
        snapshots=[],
        snapshot_sweeps=[2000, 2999],
        snapshot_energies_eV=[-20250.0, -20250.0],
    )


@pytest.fixture
def expansion():
    host = Structure(Lattice.cubic(4), [{"Na+": 0.5}, "Cl-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    return ClusterExpansionDoc(
        key="e" * 32,
        composition=PLACE,
        host=host,
        cutoffs_A=[7.0, 5.0],
        orbits=[],
        ewald_weight=0.0,
        n_parameters=42,
        n_training=3,
        n_distinct=3,
        n_folds=10,
        cv_rmse_meV_per_cell=7.0,
        cv_rmse_meV_per_atom=0.17,
        fit_rmse_meV_per_atom=0.1,
        spread_meV_per_atom=5.0,
        energies_eV=[-3.0, -2.9, -2.7],
        predicted_eV=[-2.99, -2.92, -2.71],
        training_indices=[0, 1, 2],
        potential=POTENTIAL,
        relaxed=True,
    )


def test_trace_shows_energy_per_atom_acceptance_and_temperature():
    chart = trace_chart([run(0), run(1, "too_short")])
    energies = [trace for trace in chart.figure.data if trace.name and trace.name.startswith("replica")]
    assert [trace.name for trace in energies] == [
        "replica 0: τ = 3.5 sweeps, ok",
        "replica 1: τ = 3.5 sweeps, too short",
    ]
    assert energies[0].y[0] == pytest.approx(40 / 2560 * 1000)
    assert len(energies[0].x) == MAX_POINTS
    assert "one sweep in 3" in chart.caption
    assert len(chart.columns["sweep"]) == 2 * MAX_POINTS
    assert trace_chart([]) is None


def test_cross_validation_is_drawn_per_atom_and_named(expansion):
    chart = expansion_chart(expansion)
    points = chart.figure.data[0]
    assert list(points.x) == pytest.approx([0, 0.1 / 1.5 * 1000, 0.3 / 1.5 * 1000])
    assert "RMSE 0.17 meV/atom" in chart.caption
    assert "teacher: synthetic numbers" in chart.caption


def test_section_is_there_only_with_runs(campaign, expansion):
    assert "Monte Carlo of orderings" not in render(campaign)
    joined = MonteCarloDoc(
        composition=PLACE,
        run_keys=["0" * 32, "1" * 32],
        requested=2,
        freeze_K=900.0,
        n_atoms=2560,
        energy="cluster-expansion",
        level_of_theory=POTENTIAL.level_of_theory,
        cv_rmse_meV_per_atom=0.17,
        mean_energy_meV_per_atom=-7910.0,
        mean_energy_std_meV_per_atom=0.03,
        tau_sweeps=[3.5, 3.5],
        r_hat=1.01,
        verdict="not_equilibrated",
        n_snapshots=4,
    )
    data = replace(campaign, monte_carlo_runs=(run(0), run(1)), expansions=(expansion,), monte_carlo=(joined,))
    page = render(data)
    assert "Monte Carlo of orderings" in page
    assert "not equilibrated" in page
    assert "plot-montecarlo-00000000" in page
    assert "plot-expansion-eeeeeeee" in page
