"""A synthetic campaign as large as the paper's grid of Li3InxY1-xBr6yCl6-6y; every number is made up."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
from training_documents import TEACHER, key

from superionic.documents import CompositionInfo
from superionic.report.records import JobRecord
from superionic.transport.arrhenius_assemble import conductivity_fields, run_groups
from superionic.transport.schemas import ConductivityDoc

LABELS_PER_COMPOSITION = 180
TEMPERATURES_K = (800.0, 900.0, 1000.0, 1100.0)
N_TEST, N_ATOMS = 270, 80


def places():
    """The 15 compositions with x + y >= 1 in steps of 0.25."""
    found = []
    for x in np.arange(0, 1.01, 0.25):
        for y in np.arange(1 - x, 1.01, 0.25):
            parts = (("Li", 3), ("In", x), ("Y", 1 - x), ("Br", 6 * y), ("Cl", 6 - 6 * y))
            formula = "".join(
                f"{symbol}{count:g}".removesuffix("1") if count != 1 else symbol for symbol, count in parts if count
            )
            found.append(CompositionInfo(axes={"x": x, "y": y}, label=f"x={x:g},y={y:g}", formula=formula))
    return found


def activation_energy(place):
    """From 0.24 eV for the chloride to 0.29 eV for the yttrium bromide."""
    return 0.24 + 0.05 * (1 - place.axes["x"]) + 0.02 * place.axes["y"] * (1 - place.axes["y"])


def runs_of(diffusions, place, start):
    """One run per temperature, after the pattern of the small campaign."""
    pattern = diffusions[0]
    found = []
    for n, temperature in enumerate(TEMPERATURES_K):
        sigma = 14.0 * np.exp(-activation_energy(place) / (8.617333262e-5 * temperature))
        factor = sigma / pattern.conductivity_S_per_cm * (temperature / pattern.temperature_K)
        scaled = {
            name: factor * getattr(pattern, name) for name in ("diffusivity_cm2_per_s", "diffusivity_std_cm2_per_s")
        }
        scaled |= {"conductivity_S_per_cm": sigma, "conductivity_std_S_per_cm": 0.12 * sigma}
        scaled |= {
            "diffusivity_planes_cm2_per_s": {k: factor * v for k, v in pattern.diffusivity_planes_cm2_per_s.items()},
            "diffusivity_planes_std_cm2_per_s": {
                k: 0.3 * factor * v for k, v in pattern.diffusivity_planes_cm2_per_s.items()
            },
        }
        where = {"key": key("7p", start + n), "composition": place, "temperature_K": temperature}
        found.append(pattern.model_copy(update=scaled | where))
    return found


def conductivity_of(runs, index):
    """The fit over the runs of one composition."""
    return ConductivityDoc(
        key=key("5p", index),
        composition=runs[0].composition,
        model_key=key("f"),
        level_of_theory=TEACHER,
        mobile="Li",
        **conductivity_fields(run_groups(runs), 300.0),
    )


def larger_parity(parity):
    """As many test values as a tenth of 2700 labels of 80 atoms has."""
    rng = np.random.default_rng(3)
    forces = rng.normal(0, 0.9, N_TEST * N_ATOMS * 3)
    stress = rng.normal(0, 0.01, N_TEST * 6)
    energies = rng.normal(-3.7, 0.2, N_TEST)
    return parity.model_copy(
        update={
            "energy_reference_eV_per_atom": energies.tolist(),
            "energy_predicted_eV_per_atom": (energies + rng.normal(0, 0.004, N_TEST)).tolist(),
            "force_reference_eV_per_A": forces.tolist(),
            "force_predicted_eV_per_A": (forces + rng.normal(0, 0.07, forces.size)).tolist(),
            "stress_reference_eV_per_A3": stress.tolist(),
            "stress_predicted_eV_per_A3": (stress + rng.normal(0, 0.001, stress.size)).tolist(),
        }
    )


def paper_sized(campaign, phase_diagram):
    """The small campaign, grown to 15 compositions, 60 production runs, 2700 labels and their jobs."""
    grid = places()
    runs = [runs_of(campaign.diffusions, place, 4 * i) for i, place in enumerate(grid)]
    labels = tuple(
        campaign.label_sets[0].model_copy(
            update={
                "key": key("dp", i),
                "composition": place,
                "requested": LABELS_PER_COMPOSITION,
                "label_keys": [f"label-{i}-{n}" for n in range(LABELS_PER_COMPOSITION - 2)],
            }
        )
        for i, place in enumerate(grid)
    )
    # 300 at a time, as on a large cluster
    waves = [campaign.jobs[0].started + timedelta(seconds=4.0 * (n // 300)) for n in range(LABELS_PER_COMPOSITION * 15)]
    jobs = [
        JobRecord("labelling", f"labelling: frame {n}", "completed", start, start + timedelta(seconds=4.0), 4.0, 3.6)
        for n, start in enumerate(waves)
    ]
    model = campaign.model
    parities = {name: larger_parity(getattr(model, name)) for name in ("parity_foundation", "parity_tuned")}
    members = [place for place in grid if place.formula in {"Li3InCl6", "Li3InBr6", "Li3YBr6"}]
    assert len(members) == 3
    return replace(
        campaign,
        label_sets=labels,
        model=model.model_copy(update=parities),
        diffusions=tuple(run for group in runs for run in group),
        conductivities=tuple(conductivity_of(group, i) for i, group in enumerate(runs)),
        phase_diagram=phase_diagram(grid, members),
        pathways=campaign.pathways * 2,
        jobs=(*campaign.jobs, *jobs),
    )
