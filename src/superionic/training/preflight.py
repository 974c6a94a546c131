"""Everything that is wrong with a training, found before it starts and told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from superionic.errors import InputError, SuperionicError
from superionic.potentials.model_file import ModelFileInfo, inspect_model_file
from superionic.potentials.registry import require_trusted
from superionic.stages import TrainingMode, TrainingSettings
from superionic.training.dataset import SPLITS, LabelledFrame, refuse_duplicates, refuse_small
from superionic.training.metrics import fit_element_offsets

ABSURD_FORCE_eV_per_A: Final = 300.0
ABSURD_STRESS_eV_per_A3: Final = 3.0
"""480 GPa: labels in GPa or kbar reach it easily, crystals do not."""
ABSURD_ENERGY_eV_per_atom: Final = 20.0
"""Distance from the energy that the composition explains."""
Result = TypeVar("Result")
NET_FORCE_eV_per_A: Final = 0.05
ZERO_SHARE: Final = 0.5
CLEARLY_BETTER: Final = 10.0
SIZE_RATIO: Final = 1.5


@dataclass(frozen=True)
class TrainingPlan:
    """What a training is about to start with.

    Attributes
    ----------
    settings : TrainingSettings
        Mode and hyper-parameters.
    parts : mapping
        Labelled structures of ``train``, ``valid`` and ``test``.
    foundation : Path, optional
        Model file to start from.
    foundation_sha256 : str
        Its hash.
    foundation_head : str, optional
        The head to be tuned, if the foundation has several.
    replay : sequence of Atoms
        Replay structures.
    """

    settings: TrainingSettings
    parts: Mapping[str, Sequence[LabelledFrame]]
    foundation: Path | None = None
    foundation_sha256: str = ""
    foundation_head: str | None = None
    replay: Sequence[Atoms] = ()


@dataclass
class Problems:
    """Collects what is wrong, so that one message can name all of it."""

    found: list[SuperionicError] = field(default_factory=list)

    def add(self, *messages: str) -> None:
        """Note problems in words."""
        self.found += [InputError(message) for message in messages]

    def attempt(self, action: Callable[[], Result]) -> Result | None:
        """Result of an action; None if it raises, which is noted."""
        try:
            return action()
        except SuperionicError as error:
            self.found.append(error)
            return None

    def refuse(self) -> None:
        """Raise if anything was noted.

        Raises
        ------
        SuperionicError
            The only problem as it is, or an InputError that lists all of them.
        """
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            lines = [f"  {number}. {error}" for number, error in enumerate(self.found, start=1)]
            raise InputError(f"the training cannot start; {len(lines)} things are wrong:\n" + "\n".join(lines))


def check_plan(plan: TrainingPlan, problems: Problems | None = None) -> list[str]:
    """Refuse a training that cannot end well, before anything is computed.

    Nothing is unpickled, so this may be called before a foundation is trusted.

    Parameters
    ----------
    plan : TrainingPlan
        What the training would start with.
    problems : Problems, optional
        What was found wrong before; it is told together with the rest.

    Returns
    -------
    list of str
        What is suspicious but not certainly wrong.

    Raises
    ------
    SuperionicError
        Naming everything that is wrong and what to do.
    """
    problems = problems or Problems()
    frames = [frame for name in SPLITS for frame in plan.parts[name]]
    if plan.parts["train"] or not problems.found:
        problems.attempt(lambda: refuse_small(len(plan.parts["train"]), plan.settings.batch_size))
    problems.attempt(lambda: refuse_duplicates(plan.parts))
    problems.add(*label_problems(frames), *_isolated_atom_problems(plan))
    if plan.foundation is not None:
        _check_foundation(problems, plan, frames)
    problems.refuse()
    return label_warnings(frames)


def label_problems(frames: Sequence[LabelledFrame]) -> list[str]:
    """Labels that cannot be right: not finite, of another size than the structure, or absurdly large."""
    problems = []
    bad = [frame for frame in frames if not _finite(frame)]
    if bad:
        problems.append(f"{_count(bad)} with labels that are not finite numbers; take them out")
    usable = [frame for frame in frames if _finite(frame)]
    hot = [frame for frame in usable if np.abs(frame.forces_eV_per_A).max() > ABSURD_FORCE_eV_per_A]
    if hot:
        problems.append(
            f"{_count(hot)} with forces above {ABSURD_FORCE_eV_per_A:g} eV/A; take these structures out, or convert "
            "the forces to eV/A"
        )
    tense = [frame for frame in usable if _largest_stress(frame) > ABSURD_STRESS_eV_per_A3]
    if tense:
        problems.append(
            f"{_count(tense)} with stresses above {ABSURD_STRESS_eV_per_A3:g} eV/A^3 (480 GPa): stresses in GPa must "
            "be divided by 160.22, in kbar by 1602.2, and VASP's sign must be changed"
        )
    return problems + _outlying_energies(usable)


def _outlying_energies(frames: Sequence[LabelledFrame]) -> list[str]:
    if not frames:
        return []
    off = _unexplained(frames, np.array([frame.energy_eV for frame in frames]))
    outliers = [frame for frame, left in zip(frames, off, strict=True) if abs(left) > ABSURD_ENERGY_eV_per_atom]
    if not outliers:
        return []
    return [
        (
            f"{_count(outliers)} with energies more than {ABSURD_ENERGY_eV_per_atom:g} eV/atom away from what their "
            "composition explains: failed calculations, mixed methods or mixed units; take them out"
        )
    ]


def _finite(frame: LabelledFrame) -> bool:
    stress = frame.stress_eV_per_A3
    return bool(
        np.isfinite(frame.energy_eV)
        and np.all(np.isfinite(frame.forces_eV_per_A))
        and (stress is None or np.all(np.isfinite(stress)))
    )


def _largest_stress(frame: LabelledFrame) -> float:
    return 0.0 if frame.stress_eV_per_A3 is None else float(np.abs(frame.stress_eV_per_A3).max())


def _count(frames: Sequence[LabelledFrame]) -> str:
    plural = "is 1 structure" if len(frames) == 1 else f"are {len(frames)} structures"
    return f"there {plural} (first: {frames[0].key})"


def _isolated_atom_problems(plan: TrainingPlan) -> list[str]:
    given = plan.settings.e0s_eV
    if given is None:
        return []
    unknown = sorted(set(given) - set(chemical_symbols[1:]))
    problems = [f"e0s_eV names {', '.join(unknown)}, which is no element; use symbols such as Li"] if unknown else []
    needed = _symbols([frame.atoms for name in SPLITS for frame in plan.parts[name]])
    missing = sorted(needed - set(given))
    if missing:
        problems.append(
            f"there are energies of isolated atoms for {', '.join(sorted(given))}, but not for {', '.join(missing)}; "
            "give all elements of the data set, or none at all"
        )
    return problems


def _check_foundation(problems: Problems, plan: TrainingPlan, frames: Sequence[LabelledFrame]) -> None:
    path = plan.foundation
    assert path is not None
    try:
        info = inspect_model_file(path)
    except InputError as error:
        problems.found.append(error)
        return
    problems.attempt(lambda: require_trusted(path, plan.foundation_sha256))
    problems.add(*_head_problems(path, info, plan.foundation_head))
    for what, structures in (("structures", [frame.atoms for frame in frames]), ("replay structures", plan.replay)):
        problems.add(*_element_problems(path, info, structures, what))


def _head_problems(path: Path, info: ModelFileInfo, wanted: str | None) -> list[str]:
    heads = ", ".join(info.heads)
    if wanted is None and len(info.heads) > 1:
        return [f"the foundation {path} has several heads ({heads}); write one of them with `mace_select_head`"]
    if wanted is not None and wanted not in info.heads:
        return [f"the foundation {path} has the heads {heads}, and {wanted} is none of them; name one of them"]
    return []


def _element_problems(path: Path, info: ModelFileInfo, structures: Sequence[Atoms], what: str) -> list[str]:
    known = {chemical_symbols[number] for number in info.atomic_numbers}
    unknown = sorted(_symbols(structures) - known)
    if not unknown:
        return []
    n_with = sum(bool(set(atoms.get_chemical_symbols()) & set(unknown)) for atoms in structures)
    return [
        (
            f"the foundation {path.name} does not know {', '.join(unknown)}, which occur in {n_with} of "
            f"{len(structures)} {what}; choose a foundation that knows them, take these structures out, or train with "
            f"`mode: {TrainingMode.SCRATCH.value}`"
        )
    ]


def _symbols(structures: Sequence[Atoms]) -> set[str]:
    return {symbol for atoms in structures for symbol in set(atoms.get_chemical_symbols())}


def label_warnings(frames: Sequence[LabelledFrame]) -> list[str]:
    """What looks wrong in labels but may be meant: forces that do not add up, zeros, energies per atom."""
    notes = []
    pulled = [frame for frame in frames if _net_force(frame) > NET_FORCE_eV_per_A]
    if pulled:
        worst = max(map(_net_force, pulled))
        notes.append(
            f"there are {len(pulled)} structures whose forces do not add up to zero (up to {worst:.2g} eV/A per atom); "
            "were atoms held fixed, or are forces and atoms in different orders?"
        )
    still = [frame for frame in frames if len(frame.atoms) > 1 and not np.any(frame.forces_eV_per_A)]
    if len(still) > ZERO_SHARE * len(frames):
        notes.append(f"all forces of {len(still)} structures are exactly zero; were they computed?")
    if _look_per_atom(frames):
        notes.append(
            "the energies do not grow with the number of atoms: they look like energies per atom, but the energy of "
            "the whole cell is wanted"
        )
    return notes


def _net_force(frame: LabelledFrame) -> float:
    return float(np.linalg.norm(frame.forces_eV_per_A.mean(axis=0)))


def _look_per_atom(frames: Sequence[LabelledFrame]) -> bool:
    """Whether compositions explain the energies far better if these are taken as energies per atom.

    Only cells of several sizes can tell.
    """
    sizes = [len(frame.atoms) for frame in frames]
    if not sizes or max(sizes) < SIZE_RATIO * min(sizes):
        return False
    energies: NDArray[np.float64] = np.array([frame.energy_eV for frame in frames])
    counts = np.array(sizes, dtype=np.float64)
    as_total = np.std(_unexplained(frames, energies)) / np.mean(np.abs(energies / counts))
    as_per_atom = np.std(_unexplained(frames, energies * counts)) / np.mean(np.abs(energies))
    return bool(CLEARLY_BETTER * as_per_atom < as_total)


def _unexplained(frames: Sequence[LabelledFrame], energies_eV: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is left of each energy, in eV per atom, after an energy per element is taken out."""
    numbers = [frame.atoms.numbers for frame in frames]
    rest = energies_eV - fit_element_offsets(numbers, energies_eV).energies_of(numbers)
    return np.asarray(rest / np.array([len(found) for found in numbers]), dtype=np.float64)
