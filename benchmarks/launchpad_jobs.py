"""Jobs of a campaign that returns at once, for launchpad_scale.py; the workers import them by this name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jobflow import Flow
from monty.json import jsanitize
from pymatgen.core import Lattice, Structure

from superionic.database.jobs import stage_job
from superionic.documents import CompositionInfo
from superionic.flows.stages import Category, Stage, mark
from superionic.labelling.jobs import LabelSetMaker
from superionic.labelling.results import SinglePoint
from superionic.labelling.static_jobs import StaticMaker
from superionic.potentials.schemas import PotentialRef
from superionic.sampling.schemas import SamplingDoc
from superionic.stages import LabellingSettings, TrainingSettings
from superionic.training.jobs import BuildDatasetMaker

FRAMES_PER_RUN = 30
TEMPERATURES_K = (300, 600, 800, 1000)
JOBS_BESIDE_LABELS = 3 + 2 * len(TEMPERATURES_K)
"""Per composition: the joined labels, ground state, conductivity, MD runs and their analyses."""
SHARED_JOBS = 3
POTENTIAL = PotentialRef(name="none", sha256="0" * 64, level_of_theory="none")


@dataclass
class InstantTeacher(StaticMaker):
    """A teacher that returns at once."""

    @property
    def level_of_theory(self) -> str:
        """It is none."""
        return "none"

    def single_point(self, structure: Structure) -> SinglePoint:
        """No forces."""
        return SinglePoint(-1.0, np.zeros((len(structure), 3)), np.zeros((3, 3)))


@stage_job(on_missing_none=True)
def step(name: str, *inputs: Any) -> dict[str, Any]:  # noqa: ANN401 (references)
    """Stands for a training, an MD run or an analysis: a small output."""
    return {"name": name, "inputs": len(inputs)}


def crystal(seed: int) -> Structure:
    """Distorted LiCl with 64 atoms."""
    corners = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    cell = Structure(Lattice.cubic(5.14), ["Li"] * 4 + ["Cl"] * 4, corners + [[x + 0.5, y, z] for x, y, z in corners])
    cell.make_supercell([2] * 3)
    steps = np.random.default_rng(seed).normal(0, 0.01, (len(cell), 3))
    return Structure(cell.lattice, cell.species, cell.frac_coords + steps)


def sampling(key: str, seed: int) -> SamplingDoc:
    """A finished sampling run."""
    return SamplingDoc(
        key=key,
        composition=CompositionInfo(axes={"x": 1.0}, label="x=1", formula="LiCl"),
        potential=POTENTIAL,
        parent_index=0,
        parent_id=f"{key}:0",
        seed=seed,
        temperature_K=800,
        mean_temperature_K=800,
        time_ps=1,
        frame_times_ps=[float(number) for number in range(FRAMES_PER_RUN)],
        frames=[crystal(FRAMES_PER_RUN * seed + number) for number in range(FRAMES_PER_RUN)],
        strains=[np.zeros((3, 3)).tolist()] * FRAMES_PER_RUN,
        rejected_strains=0,
    )


def values(number: int) -> dict[str, Any]:
    """What tells one stored label from the others: its structure, forces, stress, and the run that it comes from."""
    structure, random = crystal(number), np.random.default_rng(number)
    return {
        "structure": jsanitize(structure, strict=True),
        "energy_eV": float(random.normal()),
        "forces_eV_per_A": random.normal(size=(len(structure), 3)).tolist(),
        "stress_eV_per_A3": random.normal(size=(3, 3)).tolist(),
        "parent_id": f"run {number // FRAMES_PER_RUN}:0",
        "frame_index": number % FRAMES_PER_RUN,
    }


def labels(number: int, places: list[tuple[str, int]], spec_key: str) -> tuple[list[Any], Any]:
    """The label jobs of one composition and the job that joins them, as the fan-out of LabelSetMaker leaves them."""
    settings = LabellingSettings(min_success_fraction=0.01)
    maker = LabelSetMaker(f"label: {number}", settings, label_maker=InstantTeacher("", settings))
    jobs, joined = maker.frames(places, spec_key)
    for job in (*jobs, joined):
        mark(job, Stage.LABELLING, Category.VASP, spec_key)
    return jobs, joined


def transport(number: int, model: Any, spec_key: str) -> tuple[list[Any], Any]:  # noqa: ANN401 (reference)
    """Ground state, MD, analyses and conductivity of one composition; the ground state once more."""
    state = mark(step(f"ground state {number}", model), Stage.STABILITY, Category.GPU, spec_key)
    runs = [
        mark(step(f"md {number} {kelvin}", model, state.output), Stage.TRANSPORT, Category.GPU, spec_key)
        for kelvin in TEMPERATURES_K
    ]
    analyses = [mark(step("diffusion", run.output), Stage.TRANSPORT, Category.CPU, spec_key) for run in runs]
    fit = mark(step("conductivity", *(job.output for job in analyses)), Stage.TRANSPORT, Category.CPU, spec_key)
    return [state, *runs, *analyses, fit], state


def campaign(places: list[list[tuple[str, int]]], spec_key: str) -> Flow:
    """A campaign of the shape of CampaignMaker's after its fan-outs, one list of frames per composition."""
    parts = [labels(number, frames, spec_key) for number, frames in enumerate(places)]
    maker = BuildDatasetMaker("dataset", TrainingSettings(batch_size=1))
    dataset = mark(maker.make([joined.output for _, joined in parts]), Stage.TRAINING, Category.CPU, spec_key)
    model = mark(step("training", dataset.output), Stage.TRAINING, Category.GPU, spec_key)
    later = [transport(number, model.output, spec_key) for number in range(len(places))]
    diagram = mark(step("hull", *(state.output for _, state in later)), Stage.STABILITY, Category.CPU, spec_key)
    early = [job for jobs, joined in parts for job in (*jobs, joined)]
    return Flow([*early, dataset, model, *(job for jobs, _ in later for job in jobs), diagram])
