"""Candidate, validation and test frames of Li3InxY1-xBr6yCl6-6y in 20-atom cells, all labelled by the teacher.

Every ordering belongs to one of the three parts, so nothing leaks. Frames come from MD with the foundation, as in a
campaign; afterwards the foundation's own descriptors are all that a selector sees.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pymatgen.core import Structure

from superionic import ElectrolyteSpec
from superionic.labelling.teacher import teacher_single_point
from superionic.ordering import enumerate_orderings
from superionic.ordering.composition import GridCell, grid_cells
from superionic.potentials import foundation_ref, load_calculator, to_atoms
from superionic.potentials.descriptors import descriptor_matrix
from superionic.potentials.jobs import relax_all
from superionic.provenance import derived_seed
from superionic.sampling.frames import sample_frames
from superionic.sampling.selection import choose_parents
from superionic.stages import RelaxSettings, SamplingSettings
from superionic.training.dataset import LabelledFrame, frames_from_extxyz, frames_to_extxyz

FOUNDATION = "superionic-mini"
SPEC = Path(__file__).parents[2] / "src" / "superionic" / "data" / "quickstart.yaml"
GRID = [{"x": 1, "y": y} for y in (0, 0.25, 0.5, 0.75, 1)]
GRID += [{"x": 0.5, "y": y} for y in (0.5, 0.75, 1)] + [{"x": 0, "y": 1}]
SCREENED, PARENTS, SEED = 24, 9, 7
FRAMES = {"pool": 16, "valid": 4, "test": 9}
PARENTS_OF_PART = {"test": 2, "valid": 1}
RELAX = RelaxSettings(fmax_eV_per_A=0.05, max_steps=60)


@dataclass(frozen=True)
class Parts:
    """Labelled frames: candidates to choose from, and the fixed validation and test sets."""

    pool: list[LabelledFrame]
    valid: list[LabelledFrame]
    test: list[LabelledFrame]


def load_or_make(folder: Path) -> Parts:
    """Frames from a folder, made there first if it holds none; a broken-off run continues with the next composition."""
    folder.mkdir(parents=True, exist_ok=True)
    cells = grid_cells(spec_of_grid())
    for cell in cells:
        file = folder / f"{cell.info.label.replace(',', '_')}.json"
        if not file.exists():
            parts = {name: frames_to_extxyz(frames) for name, frames in _composition(cell).items()}
            file.with_suffix(".tmp").write_text(json.dumps(parts), encoding="utf-8")
            file.with_suffix(".tmp").replace(file)
    texts = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("x=*.json"))]
    return Parts(**{name: [f for text in texts for f in frames_from_extxyz(text[name])] for name in FRAMES})


def spec_of_grid() -> ElectrolyteSpec:
    """The demo's spec on all compositions with x + y >= 1 that a 20-atom cell holds at quarters of y."""
    data = ElectrolyteSpec.from_file(SPEC).model_dump(mode="json")
    data["grid"] = {"points": GRID}
    return ElectrolyteSpec.from_data(data, "label efficiency")


def _composition(cell: GridCell) -> dict[str, list[LabelledFrame]]:
    label = cell.info.label
    orderings = enumerate_orderings(cell.structure, [(1, 1, 1)], max_orderings=SCREENED, seed=SEED)
    calculator = load_calculator(foundation_ref(FOUNDATION))
    relaxed, _ = relax_all(list(orderings.structures), calculator, RELAX)
    structures = [item.structure for item in relaxed]
    descriptors = descriptor_matrix(structures, calculator)
    energies = [item.energy_eV_per_atom for item in relaxed]
    chosen = choose_parents(energies, descriptors, min(PARENTS, len(relaxed)))
    # the ordering of lowest energy is always a candidate; the others are shared out at random
    rest = np.random.default_rng(derived_seed(SEED, label)).permutation([n for n in chosen if n != 0]).tolist()
    parts: dict[str, list[int]] = {}
    for name, count in PARENTS_OF_PART.items():
        parts[name], rest = rest[:count], rest[count:]
    parts["pool"] = [0, *rest]
    found = {
        name: [frame for n in parents for frame in _frames(structures[n], label, n, FRAMES[name])]
        for name, parents in parts.items()
    }
    print(f"{label}: { ({name: len(frames) for name, frames in found.items()}) }", flush=True)
    return found


def _frames(structure: Structure, label: str, number: int, count: int) -> Sequence[LabelledFrame]:
    settings = SamplingSettings(time_ps=1.5, discard_ps=0.3, time_step_fs=2.0, frames=count)
    calculator = load_calculator(foundation_ref(FOUNDATION, dtype="float32"))
    sampled = sample_frames(structure, calculator, settings, derived_seed(SEED, label, number))
    frames = []
    for index, frame in enumerate(sampled.frames):
        found = teacher_single_point(frame.structure)
        frames.append(
            LabelledFrame(
                key=f"{label}:{number}:{index}",
                parent_id=f"{label}:{number}",
                composition=label,
                atoms=to_atoms(frame.structure),
                energy_eV=found.energy_eV,
                forces_eV_per_A=found.forces_eV_per_A,
                stress_eV_per_A3=found.stress_eV_per_A3,
            )
        )
    return frames
