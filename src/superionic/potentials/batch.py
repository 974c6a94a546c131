"""Energies, forces, stresses and atomic features of many structures with few calls of the model.

A MACE model takes several structures at once, as one graph that falls into pieces. For small cells
this saves most of the time of a call, which does not depend on the number of atoms. Structures of
any size and composition may be mixed. How many go into one call is bounded by their edges; a call
that runs out of memory is repeated with half of them. Other ASE calculators are asked for one
structure after the other.

A structure for which something goes wrong gets the exception instead of a result. The others get
the same numbers as without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from superionic.errors import CalculationError, InputError, NotFiniteError
from superionic.potentials.mace_calculator import LightMACECalculator, to_numpy
from superionic.potentials.neighbours import Edges

FloatArray = NDArray[np.float64]
Result = TypeVar("Result")

FAULTS = (CalculationError, InputError, ArithmeticError, MemoryError, ValueError, RuntimeError)
"""What a potential or an optimiser raises when it fails on one structure; programming errors are not among them."""
CPU_MEMORY_MB = 192.0
"""Tensors of one call on a CPU: more saves no more time there, but keeps more memory from the other workers."""
GPU_MEMORY_SHARE = 0.4
"""Part of a GPU's free memory that one call may fill; the estimate of a call is good to about a factor of two."""


@dataclass(frozen=True, eq=False)
class PointResult:
    """What a potential says about one structure as it is.

    Attributes
    ----------
    energy_eV : float
        Energy of the cell, eV.
    forces_eV_per_A : numpy.ndarray, (n_atoms, 3)
        Forces, eV/A.
    stress_eV_per_A3 : numpy.ndarray, (3, 3), or None
        Stress in ASE's sign, eV/A^3; None if it was not asked for.
    """

    energy_eV: float
    forces_eV_per_A: FloatArray
    stress_eV_per_A3: FloatArray | None


def evaluate_many(
    structures: Sequence[Atoms],
    calculator: Any,  # noqa: ANN401 (any ASE calculator)
    *,
    stress: bool = True,
    max_edges: int | None = None,
) -> list[PointResult | Exception]:
    """Energy, forces and stress of each structure.

    Parameters
    ----------
    structures : sequence of ase.Atoms
        Structures of any sizes and compositions; their own calculators are ignored, nothing is changed.
    calculator : LightMACECalculator or ase.calculators.calculator.Calculator
        The potential.
    stress : bool
        Whether stresses are wanted.
    max_edges : int, optional
        Largest number of edges in one call of the model; from the memory by default.

    Returns
    -------
    list of PointResult or Exception
        In the order of `structures`. An exception says why there is no result: InputError for an unknown element,
        NotFiniteError, CalculationError if the structure alone does not fit into the memory, or what the calculator
        raised.
    """
    if not isinstance(calculator, LightMACECalculator):
        return [guarded(_evaluate_one, atoms, calculator, stress) for atoms in structures]

    def compute(group: _Group) -> list[PointResult | Exception]:
        out = calculator.evaluate(group.structures, group.edges, compute_stress=stress)
        energies, forces = to_numpy(out["energy"]), group.split(to_numpy(out["forces"]))
        stresses = to_numpy(out["stress"]).reshape(-1, 3, 3) if stress else [None] * len(energies)
        found = map(PointResult, energies.tolist(), forces, stresses)
        return [_checked(atoms, result) for atoms, result in zip(group.structures, found, strict=True)]

    return _in_groups(structures, calculator, compute, max_edges)


def energies_many(
    structures: Sequence[Atoms],
    calculator: Any,  # noqa: ANN401 (any ASE calculator)
    *,
    max_edges: int | None = None,
) -> list[float | Exception]:
    """Energy of each structure in eV; cheaper than with forces.

    Parameters
    ----------
    structures, calculator, max_edges
        As for :func:`evaluate_many`.

    Returns
    -------
    list of float or Exception
        In the order of `structures`; exceptions as for :func:`evaluate_many`.
    """
    if not isinstance(calculator, LightMACECalculator):
        return [guarded(_energy_of_one, atoms, calculator) for atoms in structures]

    def compute(group: _Group) -> list[float | Exception]:
        energies = calculator.energies_of(group.structures, group.edges)
        return [
            float(energy) if np.isfinite(energy) else _not_finite(atoms)
            for atoms, energy in zip(group.structures, energies, strict=True)
        ]

    return _in_groups(structures, calculator, compute, max_edges)


def features_many(
    structures: Sequence[Atoms],
    calculator: Any,  # noqa: ANN401 (any calculator)
    *,
    max_edges: int | None = None,
) -> list[FloatArray]:
    """Rotation-invariant features of the atoms of each structure.

    Parameters
    ----------
    structures, max_edges
        As for :func:`evaluate_many`.
    calculator : LightMACECalculator
        A potential with atomic features.

    Returns
    -------
    list of numpy.ndarray, (n_atoms, n_features)
        As ``calculator.invariant_features``, in the order of `structures`.

    Raises
    ------
    InputError
        If the potential offers no atomic features, or does not know an element.
    CalculationError
        If a structure has no finite features or does not fit into the memory.
    """
    if not isinstance(calculator, LightMACECalculator):
        raise InputError(f"{type(calculator).__name__} has no atomic features; use a MACE potential for screening")

    def compute(group: _Group) -> list[FloatArray | Exception]:
        features = group.split(calculator.features_of(group.structures, group.edges))
        rows = zip(group.structures, features, strict=True)
        return [found if np.isfinite(found).all() else _not_finite(atoms) for atoms, found in rows]

    found = _in_groups(structures, calculator, compute, max_edges)
    for outcome in found:
        if isinstance(outcome, Exception):
            raise outcome
    return [outcome for outcome in found if not isinstance(outcome, Exception)]


def guarded(function: Callable[..., Result], *arguments: Any) -> Result | Exception:  # noqa: ANN401
    """Result of a function, or the exception if it fails in one of the ways of `FAULTS`."""
    try:
        return function(*arguments)
    except FAULTS as error:
        return error


@dataclass(frozen=True, eq=False)
class _Group:
    """Structures that go into one call; `indices` are their places in the caller's list."""

    indices: list[int]
    structures: list[Atoms]
    edges: list[Edges]

    def split(self, per_atom: FloatArray) -> list[FloatArray]:
        return np.split(per_atom, np.cumsum([len(atoms) for atoms in self.structures])[:-1])

    def part(self, which: slice) -> _Group:
        return _Group(self.indices[which], self.structures[which], self.edges[which])


class _Room:
    """Largest number of edges in one call; lowered when memory runs out."""

    def __init__(self, max_edges: int) -> None:
        self.max_edges = max_edges


def _in_groups(
    structures: Sequence[Atoms],
    calculator: LightMACECalculator,
    compute: Callable[[_Group], list[Result | Exception]],
    max_edges: int | None,
) -> list[Result | Exception]:
    outcomes: dict[int, Result | Exception] = {}
    room = _Room(max_edges or _affordable_edges(calculator))
    for group in _groups(structures, calculator, room, outcomes):
        _compute_or_halve(group, compute, room, outcomes)
    return [outcomes[index] for index in range(len(structures))]


def _groups(
    structures: Sequence[Atoms],
    calculator: LightMACECalculator,
    room: _Room,
    outcomes: dict[int, Any],
) -> Iterator[_Group]:
    """Form groups that fit; structures without edges to compute get their exception at once."""
    group, n_atoms, n_edges, widest = _Group([], [], []), 0, 0, 0
    for index in _dense_first(structures):
        atoms = structures[index]
        try:
            edges = calculator.edges_of(atoms)
        except FAULTS as error:
            outcomes[index] = error
            continue
        n_atoms, n_edges, widest = n_atoms + len(atoms), n_edges + edges.n_edges, max(widest, edges.widest)
        if group.indices and calculator.edges_together(n_atoms, n_edges, widest) > room.max_edges:
            yield group
            group, n_atoms, n_edges, widest = _Group([], [], []), len(atoms), edges.n_edges, edges.widest
        group.indices.append(index)
        group.structures.append(atoms)
        group.edges.append(edges)
    if group.indices:
        yield group


def _dense_first(structures: Sequence[Atoms]) -> list[int]:
    # atoms of one call get equally many edges, so structures of one density should go together
    densities = [len(atoms) / max(abs(np.linalg.det(atoms.cell.array)), 1.0) for atoms in structures]
    return [int(index) for index in np.argsort(-np.nan_to_num(densities), kind="stable")]


def _compute_or_halve(
    group: _Group,
    compute: Callable[[_Group], list[Result | Exception]],
    room: _Room,
    outcomes: dict[int, Result | Exception],
) -> None:
    n_structures = len(group.indices)
    short, cause = False, None
    try:
        found = compute(group)
    except FAULTS as error:
        short, cause = out_of_memory(error), error.with_traceback(None)  # a traceback keeps the call's tensors alive
    else:
        # undefined forces of one structure make those of the others undefined, too
        if n_structures == 1 or not any(isinstance(outcome, NotFiniteError) for outcome in found):
            outcomes.update(zip(group.indices, found, strict=True))
            return
    if short:
        room.max_edges = max(1, sum(edges.n_edges for edges in group.edges) // 2)
        _release_memory()
    if n_structures == 1 and cause is not None:
        outcomes[group.indices[0]] = _does_not_fit(group.structures[0], cause) if short else cause
        return
    for which in (slice(None, n_structures // 2), slice(n_structures // 2, None)):
        _compute_or_halve(group.part(which), compute, room, outcomes)


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on a CPU or a GPU.

    Parameters
    ----------
    error : BaseException
        What was raised.
    """
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    text = str(error).lower()  # on a CPU torch raises a bare RuntimeError
    return named or (isinstance(error, RuntimeError) and ("t allocate memory" in text or "not enough memory" in text))


def _release_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _affordable_edges(calculator: LightMACECalculator) -> int:
    if not calculator.device.startswith("cuda"):
        return max(1, int(CPU_MEMORY_MB * 1e6 / calculator.bytes_per_edge))
    import torch

    free_bytes, _ = torch.cuda.mem_get_info(calculator.device)
    return max(1, int(GPU_MEMORY_SHARE * free_bytes / calculator.bytes_per_edge))


def _evaluate_one(atoms: Atoms, calculator: Any, stress: bool) -> PointResult:  # noqa: ANN401
    alone = _anew(atoms, calculator)
    stress_eV_per_A3 = voigt_6_to_full_3x3_stress(alone.get_stress()) if stress else None
    found = PointResult(float(alone.get_potential_energy()), alone.get_forces(), stress_eV_per_A3)
    checked = _checked(alone, found)
    if isinstance(checked, Exception):
        raise checked
    return checked


def _anew(atoms: Atoms, calculator: Any) -> Atoms:  # noqa: ANN401
    """Copy of a structure without constraints, to be evaluated independently of those before it."""
    alone: Atoms = atoms.copy()
    alone.set_constraint()
    if hasattr(calculator, "reset"):
        calculator.reset()  # some keep a table of neighbours, on which the last bits of their sums depend
    alone.calc = calculator
    return alone


def _energy_of_one(atoms: Atoms, calculator: Any) -> float:  # noqa: ANN401
    alone = _anew(atoms, calculator)
    energy_eV = float(alone.get_potential_energy())
    if not np.isfinite(energy_eV):
        raise _not_finite(alone)
    return energy_eV


def _checked(atoms: Atoms, found: PointResult) -> PointResult | Exception:
    finite = np.isfinite(found.energy_eV) and np.isfinite(found.forces_eV_per_A).all()
    return found if finite else _not_finite(atoms)


def _not_finite(atoms: Atoms) -> NotFiniteError:
    return NotFiniteError(
        f"the potential gives no finite numbers for {atoms.get_chemical_formula()}: atoms are too close for it, or it "
        "does not cover these elements"
    )


def _does_not_fit(atoms: Atoms, cause: Exception) -> CalculationError:
    return CalculationError(
        f"{atoms.get_chemical_formula()} ({len(atoms)} atoms) does not fit into the memory even alone ({cause}): use "
        "a smaller cell, a device with more memory, or fewer workers on this machine"
    )
