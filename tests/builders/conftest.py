"""Small documents as the job store keeps them."""

from itertools import count

import pytest
from monty.json import jsanitize
from pymatgen.core import Lattice, Structure

from superionic.documents import Blob, CompositionInfo, Resources
from superionic.labelling.schemas import LabelDoc, Refusal
from superionic.potentials.schemas import PotentialRef
from superionic.stability.schemas import PhaseDiagramDoc, PhaseEntry
from superionic.training.schemas import ErrorRow, ModelDoc, Parity
from superionic.transport.schemas import ArrheniusPoint, ArrheniusRun, ConductivityDoc, Interval

PLACE = CompositionInfo(axes={"x": 1.0, "y": 0.0}, label="x=1,y=0", formula="Li3InCl6")
COST = Resources(wall_time_s=12.0, cpu_time_s=10.0)
TEACHER = "teacher: synthetic"
POTENTIAL = PotentialRef(name="model", head="teacher", sha256="a" * 64, level_of_theory=TEACHER)


def _reference():
    return {"@class": "", "@module": "", "blob_uuid": "00000000-0000", "store": "data"}


def make_conductivity(key="c1", **changes):
    points = [
        ArrheniusPoint(
            temperature_K=t,
            diffusion_keys=[f"d{t}"],
            n_runs=1,
            n_used=int(t > 800),
            n_hops=60 if t > 800 else 3,
            diffusivity_cm2_per_s=1e-5,
            diffusivity_std_cm2_per_s=1e-6,
            conductivity_S_per_cm=0.1,
            conductivity_std_S_per_cm=0.01,
            verdict="ok" if t > 800 else "too_few_hops",
            used=t > 800,
        )
        for t in (800, 900, 1000)
    ]
    names = (
        "temperature_K",
        "n_hops",
        "verdict",
        "used",
        *(n for n in ArrheniusPoint.model_fields if "_S_per_cm" in n),
    )
    shared = {*names, "diffusivity_cm2_per_s", "diffusivity_std_cm2_per_s"}
    runs = [ArrheniusRun(diffusion_key=p.diffusion_keys[0], **p.model_dump(include=shared)) for p in points]
    fields = {
        "key": key,
        "spec_key": "s1",
        "composition": PLACE,
        "parents": ["d800", "d900", "d1000"],
        "resources": COST,
        "model_key": "m1",
        "level_of_theory": TEACHER,
        "mobile": "Li",
        "points": points,
        "runs": runs,
        "activation_energy_eV": 0.31,
        "activation_energy_std_eV": 0.04,
        "activation_energy_95_eV": Interval(low=0.2, high=0.4),
        "reference_temperature_K": 300.0,
        "conductivity_at_reference_S_per_cm": 1e-3,
        "conductivity_at_reference_95_S_per_cm": Interval(low=1e-4, high=1e-2),
        "verdict": "extrapolated",
        "verdict_reason": "outside the simulated temperatures",
    }
    return ConductivityDoc(**fields | changes)


def make_label(key="l1", **changes):
    structure = Structure(Lattice.cubic(5.0), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    fields = {
        "key": key,
        "spec_key": "s1",
        "composition": PLACE,
        "structure": structure,
        "energy_eV": -8.0,
        "forces_eV_per_A": [[0.1, 0.0, -0.7], [0.2, 0.0, 0.0]],
        "stress_eV_per_A3": [[0.01, 0.0, 0.0], [0.0, -0.02, 0.0], [0.0, 0.0, 0.0]],
        "level_of_theory": TEACHER,
        "accepted": True,
    }
    return LabelDoc(**fields | changes)


def make_refused_label(key="l2"):
    return make_label(key, energy_eV=None, accepted=False, refusal=Refusal.NOT_CONVERGED)


def make_phase_diagram(key="p1"):
    def entry(label, formula, energy, hull, lowest):
        place = CompositionInfo(axes={"x": 1.0}, label=label, formula=formula)
        return PhaseEntry(
            composition=place,
            source_key="g1",
            source_index=0,
            n_atoms=20,
            energy_eV=-80.0,
            formation_energy_eV_per_atom=energy,
            e_above_hull_eV_per_atom=hull,
            stable=hull == 0.0,
            lowest=lowest,
            reference_formation_energy_eV_per_atom=energy + 0.001,
        )

    entries = [
        entry("x=1", "Li3InCl6", 0.0, 0.0, lowest=True),
        entry("x=1", "Li3InCl6", 0.009, 0.009, lowest=False),
        entry("x=0.5", "Li6InYCl12", 0.004, 0.004, lowest=True),
    ]
    return PhaseDiagramDoc(
        key=key,
        spec_key="s1",
        model_key="m1",
        potential=POTENTIAL,
        end_members=[PLACE],
        entries=entries,
        missing=["x=0: relaxation exploded"],
    )


def make_model(key="m1"):
    def errors(model, value):
        return ErrorRow(
            model=model,
            split="test",
            n_structures=8,
            energy_rmse_meV_per_atom=value,
            energy_mae_meV_per_atom=value,
            force_rmse_meV_per_A=10 * value,
            force_mae_meV_per_A=10 * value,
            stress_rmse_meV_per_A3=value,
        )

    blank = Parity(
        energy_reference_eV_per_atom=[-4.0],
        energy_predicted_eV_per_atom=[-4.0],
        force_reference_eV_per_A=[],
        force_predicted_eV_per_A=[],
        stress_reference_eV_per_A3=[],
        stress_predicted_eV_per_A3=[],
    )
    return ModelDoc(
        key=key,
        spec_key="s1",
        parents=["dataset"],
        potential=POTENTIAL,
        mode="multihead",
        foundation=POTENTIAL.model_copy(update={"name": "superionic-mini"}),
        n_train=60,
        command=["mace_run_train"],
        requested={"learning_rate": 0.01},
        effective={"learning_rate": 0.01},
        epochs_run=40,
        best_epoch=33,
        stopped_early=False,
        history=[],
        errors=[errors("foundation", 30.0), errors("tuned", 6.0)],
        parity_tuned=blank,
        elements=["Li", "Cl"],
        label_level_of_theory=TEACHER,
        model_blob=Blob.from_bytes(b"weights", "application/x-torch"),
    )


@pytest.fixture
def documents():
    """Functions that make one document of each kind."""
    return {
        "conductivity": make_conductivity,
        "label": make_label,
        "refused_label": make_refused_label,
        "phase_diagram": make_phase_diagram,
        "model": make_model,
    }


@pytest.fixture
def stored():
    """Function that wraps a document as jobflow stores it; named fields go to an additional store."""
    numbers = count(1)

    def wrap(doc, *, completed_at="2030-01-01T10:00:00.000000", campaign="demo", heavy=()):
        output = jsanitize(doc, strict=True, enum_values=True, allow_bson=True)
        output |= {name: _reference() for name in heavy}
        return {
            "uuid": f"job-{next(numbers)}",
            "index": 1,
            "name": "job",
            "metadata": {"campaign": campaign},
            "completed_at": completed_at,
            "output": output,
        }

    return wrap
