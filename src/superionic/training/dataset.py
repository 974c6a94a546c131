"""Data sets of labelled structures: leak-free split, nested subsets, checks and extended XYZ text."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from ase.io import read, write
from numpy.typing import NDArray

from superionic.errors import InputError, InsufficientDataError
from superionic.provenance import TRAIN_ONLY, content_key, key_of_canonical

TRAIN, VALID, TEST = "train", "valid", "test"
SPLITS = (TRAIN, VALID, TEST)
ENERGY_KEY, FORCES_KEY, STRESS_KEY = "REF_energy", "REF_forces", "REF_stress"
FINGERPRINT_DECIMALS = 4


@dataclass(frozen=True)
class LabelledFrame:
    """One structure with its label.

    Attributes
    ----------
    key : str
        Key of the label document.
    parent_id : str
        Ordering that the structure descends from; the split never separates frames of one parent.
    composition : str
        Composition label, e.g. ``x=0.5,y=1``.
    atoms : Atoms
        Structure without a calculator.
    energy_eV : float
        Energy of the cell, eV.
    forces_eV_per_A : ndarray
        Forces, (n_atoms, 3), eV/A.
    stress_eV_per_A3 : ndarray or None
        Stress tensor, (3, 3), eV/A^3, ASE sign; None where the method gives none.
    """

    key: str
    parent_id: str
    composition: str
    atoms: Atoms
    energy_eV: float
    forces_eV_per_A: NDArray[np.float64]
    stress_eV_per_A3: NDArray[np.float64] | None

    @property
    def family(self) -> str:
        """The parent, also of frames that are for training only."""
        return self.parent_id.removesuffix(TRAIN_ONLY)

    @property
    def train_only(self) -> bool:
        """Whether validation and test sets leave the frame out: it is like nothing that MD should meet."""
        return self.parent_id.endswith(TRAIN_ONLY)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the structure: species, cell and wrapped positions to 1e-4 A, in any order of the atoms."""
        scaled = np.mod(np.round(self.atoms.get_scaled_positions(), 8), 1.0)
        positions = np.round(scaled @ np.asarray(self.atoms.cell), FINGERPRINT_DECIMALS) + 0.0
        sites = sorted(zip(self.atoms.numbers.tolist(), positions.tolist(), strict=True))
        cell_A = np.round(np.asarray(self.atoms.cell), FINGERPRINT_DECIMALS) + 0.0
        return key_of_canonical([sites, cell_A.tolist()])


@dataclass(frozen=True)
class Dataset:
    """Frames of the three parts; no parent is in two of them."""

    train: tuple[LabelledFrame, ...]
    valid: tuple[LabelledFrame, ...]
    test: tuple[LabelledFrame, ...]

    def part(self, name: str) -> tuple[LabelledFrame, ...]:
        """Frames of ``train``, ``valid`` or ``test``."""
        parts: dict[str, tuple[LabelledFrame, ...]] = {TRAIN: self.train, VALID: self.valid, TEST: self.test}
        return parts[name]

    @property
    def content_hash(self) -> str:
        """Hash of structures, labels and split."""
        return content_key(
            {
                name: [[f.fingerprint, f.energy_eV, f.forces_eV_per_A, f.stress_eV_per_A3] for f in self.part(name)]
                for name in SPLITS
            }
        )

    def counts_by_composition(self) -> dict[str, dict[str, int]]:
        """Number of frames per composition and part."""
        counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(SPLITS, 0))
        for name in SPLITS:
            for frame in self.part(name):
                counts[frame.composition][name] += 1
        return dict(sorted(counts.items()))

    def parents_by_split(self) -> dict[str, list[str]]:
        """Parents of each part, sorted."""
        return {name: sorted({frame.family for frame in self.part(name)}) for name in SPLITS}


def build_dataset(
    frames: Sequence[LabelledFrame], *, valid_fraction: float, test_fraction: float, batch_size: int, seed: int
) -> Dataset:
    """Split labelled frames by parent and check the result.

    Frames that are for training only (close pairs) are left out if their parent is one of the other parts.

    Parameters
    ----------
    frames : sequence of LabelledFrame
        All accepted labels, of one level of theory.
    valid_fraction, test_fraction : float
        Shares of the parents (not of the frames).
    batch_size : int
        Smallest admissible training set: MACE drops incomplete batches without a word.
    seed : int
        Seed of the split.

    Returns
    -------
    Dataset
        The three parts.

    Raises
    ------
    InputError
        If a frame has no parent, or one structure is in two parts.
    InsufficientDataError
        If there are fewer than three parents or fewer training frames than a batch.
    """
    orphans = [frame.key for frame in frames if not frame.parent_id]
    if orphans:
        raise InputError(
            f"{len(orphans)} labels have no parent_id (first: {orphans[0]}), so they cannot be split without leakage; "
            "label structures through SampleMaker, or give each family of structures its own parent_id"
        )
    parents = {frame.family: frame.composition for frame in frames}
    split = split_parents(parents, valid_fraction=valid_fraction, test_fraction=test_fraction, seed=seed)
    parts = {name: members(frames, name, split[name]) for name in SPLITS}
    dataset = Dataset(train=parts[TRAIN], valid=parts[VALID], test=parts[TEST])
    refuse_duplicates(parts)
    refuse_small(len(dataset.train), batch_size)
    return dataset


def members(frames: Sequence[LabelledFrame], part: str, parents: Sequence[str]) -> tuple[LabelledFrame, ...]:
    """Frames of one part: those of its parents, without frames for training only where it is not the training set."""
    wanted = set(parents)
    return tuple(frame for frame in frames if frame.family in wanted and (part == TRAIN or not frame.train_only))


def extend_dataset(dataset: Dataset, frames: Sequence[LabelledFrame]) -> Dataset:
    """Add frames to the training set; validation and test set stay as they are, so errors before and after compare.

    Parameters
    ----------
    dataset : Dataset
        The data set so far.
    frames : sequence of LabelledFrame
        New labels, of parents of the training set or of new ones.

    Raises
    ------
    InputError
        If a frame belongs to a parent of the validation or test set or has none, or its label or structure is there
        already.
    """
    owners = {frame.parent_id: name for name in (VALID, TEST) for frame in dataset.part(name)}
    leaks = [frame for frame in frames if frame.parent_id in owners or not frame.parent_id]
    if leaks:
        where = owners.get(leaks[0].parent_id, "no known")
        raise InputError(
            f"{len(leaks)} new labels must not be trained on: label {leaks[0].key} descends from parent "
            f"{leaks[0].parent_id or '(none)'} of the {where} set. Label frames of training parents only"
        )
    extended = Dataset(train=(*dataset.train, *frames), valid=dataset.valid, test=dataset.test)
    counts = Counter(frame.fingerprint for frame in extended.train)
    copies = [frame.key for frame in frames if counts[frame.fingerprint] > 1]
    if copies:
        raise InputError(f"{len(copies)} new labels are of structures that are labelled already (first: {copies[0]})")
    refuse_duplicates({name: extended.part(name) for name in SPLITS})
    return extended


def split_parents(
    parents: Mapping[str, str], *, valid_fraction: float, test_fraction: float, seed: int
) -> dict[str, list[str]]:
    """Divide parents into training, validation and test.

    Validation and test parents are drawn one by one, in turn. A draw prefers, in this order, a composition that
    keeps a training parent, one that is not yet represented in that part, and one with many parents left; what
    is still equal is decided by the seed. So every composition stays in the training set as long as it can.

    Parameters
    ----------
    parents : mapping
        Composition label of each parent.
    valid_fraction, test_fraction : float
        Shares of the parents; each part gets at least one parent, unless its share is zero.
    seed : int
        Seed of the draw.

    Returns
    -------
    dict
        Sorted parents of ``train``, ``valid`` and ``test``.

    Raises
    ------
    InsufficientDataError
        If there are fewer parents than parts.
    """
    shares = {TEST: test_fraction, VALID: valid_fraction}
    needed = 1 + sum(share > 0 for share in shares.values())
    if len(parents) < needed:
        raise InsufficientDataError(
            f"{len(parents)} parent orderings cannot fill a training, a validation and a test set without leakage; "
            f"at least {needed} are needed: raise sampling.parents_per_composition or add grid points"
        )
    rng = np.random.default_rng(seed)
    left = {name: list(rng.permutation(members)) for name, members in _by_composition(parents).items()}
    rank = {name: int(order) for name, order in zip(left, rng.permutation(len(left)), strict=True)}
    largest = (len(parents) - 1) // max(1, needed - 1)
    wanted = {
        part: min(max(1, round(share * len(parents))), largest) if share > 0 else 0 for part, share in shares.items()
    }
    drawn: dict[str, list[str]] = {TEST: [], VALID: []}
    used: dict[str, Counter[str]] = {TEST: Counter(), VALID: Counter()}
    for turn in range(max(wanted.values())):
        for part in (TEST, VALID):
            if turn < wanted[part]:
                chosen = max(left, key=lambda name: _preference(len(left[name]), used[part][name], rank[name]))
                drawn[part].append(str(left[chosen].pop()))
                used[part][chosen] += 1
    train = sorted(str(parent) for members in left.values() for parent in members)
    return {TRAIN: train, VALID: sorted(drawn[VALID]), TEST: sorted(drawn[TEST])}


def _preference(parents_left: int, parents_used: int, rank: int) -> tuple[bool, bool, int, int, int]:
    return (parents_left > 0, parents_left > 1, -parents_used, parents_left, rank)


def _by_composition(parents: Mapping[str, str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for parent in sorted(parents):
        grouped[parents[parent]].append(parent)
    return dict(sorted(grouped.items()))


def refuse_duplicates(parts: Mapping[str, Sequence[LabelledFrame]]) -> None:
    """Check that no structure is in two parts.

    Parameters
    ----------
    parts : mapping
        Frames of each part.

    Raises
    ------
    InputError
        Naming two labels, and how many structures are meant.
    """
    seen: dict[str, tuple[str, LabelledFrame]] = {}
    copies: list[tuple[str, LabelledFrame, str, LabelledFrame]] = []
    for name, frames in parts.items():
        for frame in frames:
            other_name, other = seen.setdefault(frame.fingerprint, (name, frame))
            if other_name != name:
                copies.append((name, frame, other_name, other))
    if copies:
        name, frame, other_name, other = copies[0]
        more = f" ({len(copies)} structures are in two parts)" if len(copies) > 1 else ""
        raise InputError(
            f"label {frame.key} (parent {frame.parent_id}, {name}) is the same structure as label {other.key} "
            f"(parent {other.parent_id}, {other_name}){more}: the {name} errors would be worthless. Give frames of "
            "one ordering one parent_id, or remove the copy"
        )


def refuse_small(n_train: int, batch_size: int) -> None:
    """Check that the training set fills a batch.

    Raises
    ------
    InsufficientDataError
        If it does not.
    """
    if n_train < batch_size:
        raise InsufficientDataError(
            f"{n_train} training structures do not fill one batch of {batch_size}: MACE would train on nothing. "
            "Lower training.batch_size, label more structures (sampling.frames), or see why labels were refused"
        )


def frames_to_extxyz(frames: Sequence[LabelledFrame], more: Mapping[str, str] | None = None) -> str:
    """Extended XYZ text with ``REF_energy``, ``REF_forces`` and ``REF_stress`` (3x3, eV/A^3), as MACE reads it.

    Parameters
    ----------
    frames : sequence of LabelledFrame
        Structures with their labels.
    more : mapping, optional
        Further entries of the comment line of every structure.
    """
    images = []
    for frame in frames:
        atoms = Atoms(numbers=frame.atoms.numbers, positions=frame.atoms.positions, cell=frame.atoms.cell, pbc=True)
        atoms.info = {
            ENERGY_KEY: float(frame.energy_eV),
            "label_key": frame.key,
            "parent_id": frame.parent_id,
            "composition": frame.composition,
            **(more or {}),
        }
        if frame.stress_eV_per_A3 is not None:
            atoms.info[STRESS_KEY] = np.asarray(frame.stress_eV_per_A3, dtype=float)
        atoms.arrays[FORCES_KEY] = np.asarray(frame.forces_eV_per_A, dtype=float)
        images.append(atoms)
    return structures_to_extxyz(images)


def structures_to_extxyz(images: Sequence[Atoms]) -> str:
    """Extended XYZ text of structures with whatever information they carry."""
    buffer = io.StringIO()
    if images:
        write(buffer, list(images), format="extxyz", write_results=False)
    return buffer.getvalue()


def frames_from_extxyz(text: str) -> list[LabelledFrame]:
    """Inverse of :func:`frames_to_extxyz`; stresses may be absent, but then from all structures.

    Raises
    ------
    InputError
        If a structure lacks a label.
    """
    if not text.strip():
        return []
    frames = []
    images = read(io.StringIO(text), index=":", format="extxyz")
    with_stress = any(STRESS_KEY in atoms.info for atoms in images)
    for number, atoms in enumerate(images):
        info, arrays = atoms.info, atoms.arrays
        needed = (ENERGY_KEY, STRESS_KEY) if with_stress else (ENERGY_KEY,)
        missing = [key for key in needed if key not in info]
        missing += [] if FORCES_KEY in arrays else [FORCES_KEY]
        if missing:
            raise InputError(f"structure {number} of the extended XYZ text lacks {', '.join(missing)}; label it first")
        frames.append(
            LabelledFrame(
                key=str(info.get("label_key", number)),
                parent_id=str(info.get("parent_id", "")),
                composition=str(info.get("composition", atoms.get_chemical_formula(empirical=True))),
                atoms=Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True),
                energy_eV=float(info[ENERGY_KEY]),
                forces_eV_per_A=np.asarray(arrays[FORCES_KEY], dtype=float),
                stress_eV_per_A3=np.asarray(info[STRESS_KEY], dtype=float).reshape(3, 3) if with_stress else None,
            )
        )
    return frames
