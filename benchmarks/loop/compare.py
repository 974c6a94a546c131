"""Comparisons of a model with its teacher: arithmetic alone, no potentials and no files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymatgen.core import Composition

from superionic.stability.hull import PhaseDiagram, build_phase_diagram

Array = NDArray[np.float64]
APART_MEV_PER_ATOM = 1.0
"""Orderings closer than this are not ranked against each other."""
LIFT_EV_PER_ATOM = 100.0
"""What is lifted so far takes no part in a hull."""
SIGMAS = 2.0
"""Two numbers agree if they differ by at most so many joint standard deviations."""


@dataclass(frozen=True, eq=False)
class EnergyTable:
    """Energies of the same orderings by the teacher and by a model.

    Attributes
    ----------
    labels : tuple of str
        Composition of each ordering.
    compositions : tuple of Composition
        Content of each cell.
    teacher_eV, model_eV : numpy.ndarray, (orderings,)
        Energies of the cells, eV.
    end_members : tuple of str
        Formulas of the references of formation energies.
    """

    labels: tuple[str, ...]
    compositions: tuple[Composition, ...]
    teacher_eV: Array
    model_eV: Array
    end_members: tuple[str, ...]

    def diagram(self, energies_eV: Array) -> PhaseDiagram:
        """Formation energies and hull by one potential alone."""
        entries = [
            (composition, float(energy), round(composition.num_atoms))
            for composition, energy in zip(self.compositions, energies_eV, strict=True)
        ]
        return build_phase_diagram(entries, self.end_members)

    def distances(self, energies_eV: Array) -> dict[str, float]:
        """Formation energy of the lowest ordering of each composition from the hull of all others, meV/atom.

        Above zero for what is not stable; a stable composition lies so far below the hull that it leaves behind. End
        members have none.
        """
        sizes = np.array([composition.num_atoms for composition in self.compositions])
        ends = {Composition(formula).reduced_formula for formula in self.end_members}
        found = {}
        for label, best in self.lowest(energies_eV).items():
            if self.compositions[best].reduced_formula not in ends:
                lifted = np.where(np.array(self.labels) == label, energies_eV + LIFT_EV_PER_ATOM * sizes, energies_eV)
                above = self.diagram(lifted).e_above_hull_eV_per_atom[best]
                found[label] = 1000 * float(above - LIFT_EV_PER_ATOM)
        return found

    def lowest(self, energies_eV: Array) -> dict[str, int]:
        """Position of the lowest ordering of each composition."""
        sizes = np.array([composition.num_atoms for composition in self.compositions])
        found: dict[str, int] = {}
        for index in np.argsort(energies_eV / sizes, kind="stable"):
            found.setdefault(self.labels[index], int(index))
        return {label: found[label] for label in dict.fromkeys(self.labels)}


@dataclass(frozen=True)
class HullPoint:
    """What both potentials say about one composition; energies in meV/atom.

    Attributes
    ----------
    label : str
        The composition.
    end_member : bool
        Whether it is a reference, with energies of zero by construction.
    formation, model_formation, above_hull, model_above_hull : float
        Formation energy and energy above the hull of the lowest ordering, by each potential for itself.
    distance, model_distance : float or None
        Formation energy from the hull of all other compositions; None for end members.
    same_lowest : bool
        Whether both find the same ordering lowest.
    regret : float
        Teacher's energy of the ordering that the model finds lowest, above the teacher's lowest.
    """

    label: str
    end_member: bool
    formation: float
    model_formation: float
    above_hull: float
    model_above_hull: float
    distance: float | None
    model_distance: float | None
    same_lowest: bool
    regret: float

    @property
    def stable(self) -> bool:
        """On the teacher's hull."""
        return self.above_hull < 1e-5  # noqa: PLR2004 (meV/atom, rounding)

    @property
    def model_stable(self) -> bool:
        """On the model's hull."""
        return self.model_above_hull < 1e-5  # noqa: PLR2004 (meV/atom, rounding)


@dataclass(frozen=True)
class HullComparison:
    """A model's hull against the teacher's; errors in meV/atom, end members left out.

    Attributes
    ----------
    points : tuple of HullPoint
        One per composition.
    formation_mae, formation_max : float
        Error of the formation energy, mean and largest over the lowest orderings.
    above_hull_mae, above_hull_max : float
        Error of the energy above the hull, likewise.
    distance_mae : float
        Mean error of the distance from the hull of all other compositions, which stable ones have as well.
    orderings_mae : float
        Mean error of the formation energy over all orderings, end members' included.
    confusion : tuple of int, (4,)
        Compositions stable by both, by the model alone, by the teacher alone, by none.
    pairs_right, pairs : int
        Pairs of orderings of one composition that the model ranks as the teacher does, of those that the teacher sets
        apart by more than 1 meV/atom.
    """

    points: tuple[HullPoint, ...]
    formation_mae: float
    formation_max: float
    above_hull_mae: float
    above_hull_max: float
    distance_mae: float
    orderings_mae: float
    confusion: tuple[int, int, int, int]
    pairs_right: int
    pairs: int


def compare_hulls(table: EnergyTable) -> HullComparison:
    """Formation energies, hull, its members and the ranking of orderings, each potential with its own references."""
    points = _hull_points(table)
    inner = [point for point in points if not point.end_member]
    formation = np.array([point.model_formation - point.formation for point in inner])
    above = np.array([point.model_above_hull - point.above_hull for point in inner])
    teacher, model = table.diagram(table.teacher_eV), table.diagram(table.model_eV)
    distance = [
        point.model_distance - point.distance
        for point in inner
        if point.distance is not None and point.model_distance is not None
    ]
    every = 1000 * (model.formation_energy_eV_per_atom - teacher.formation_energy_eV_per_atom)
    right, pairs = ranked_alike(table)
    kinds = [(point.stable, point.model_stable) for point in inner]
    return HullComparison(
        points=points,
        formation_mae=float(np.abs(formation).mean()),
        formation_max=float(np.abs(formation).max()),
        above_hull_mae=float(np.abs(above).mean()),
        above_hull_max=float(np.abs(above).max()),
        distance_mae=float(np.abs(distance).mean()),
        orderings_mae=float(np.abs(every).mean()),
        confusion=(
            kinds.count((True, True)),
            kinds.count((False, True)),
            kinds.count((True, False)),
            kinds.count((False, False)),
        ),
        pairs_right=right,
        pairs=pairs,
    )


def _hull_points(table: EnergyTable) -> tuple[HullPoint, ...]:
    teacher, model = table.diagram(table.teacher_eV), table.diagram(table.model_eV)
    own, others = table.lowest(table.teacher_eV), table.lowest(table.model_eV)
    distance, model_distance = table.distances(table.teacher_eV), table.distances(table.model_eV)
    ends = [Composition(formula).reduced_formula for formula in table.end_members]
    points = []
    for label, best in own.items():
        chosen = others[label]
        energy = table.teacher_eV / np.array([composition.num_atoms for composition in table.compositions])
        points.append(
            HullPoint(
                label=label,
                end_member=table.compositions[best].reduced_formula in ends,
                formation=1000 * float(teacher.formation_energy_eV_per_atom[best]),
                model_formation=1000 * float(model.formation_energy_eV_per_atom[chosen]),
                above_hull=1000 * float(teacher.e_above_hull_eV_per_atom[best]),
                model_above_hull=1000 * float(model.e_above_hull_eV_per_atom[chosen]),
                distance=distance.get(label),
                model_distance=model_distance.get(label),
                same_lowest=chosen == best,
                regret=1000 * float(energy[chosen] - energy[best]),
            )
        )
    return tuple(points)


def ranked_alike(table: EnergyTable) -> tuple[int, int]:
    """Pairs of orderings of one composition that both rank alike, and pairs that the teacher sets apart."""
    sizes = np.array([composition.num_atoms for composition in table.compositions])
    teacher, model = 1000 * table.teacher_eV / sizes, 1000 * table.model_eV / sizes
    labels = np.array(table.labels)
    right = pairs = 0
    for first, second in zip(*np.triu_indices(len(labels), 1), strict=True):
        gap = teacher[second] - teacher[first]
        if labels[first] == labels[second] and abs(gap) > APART_MEV_PER_ATOM:
            pairs += 1
            right += bool(gap * (model[second] - model[first]) > 0)
    return right, pairs


def joint_sigmas(first: float, first_std: float, second: float, second_std: float) -> float:
    """Difference of two numbers in joint standard deviations, ``|a - b| / sqrt(s_a^2 + s_b^2)``."""
    joint = math.hypot(first_std, second_std)
    difference = abs(first - second)
    if joint == 0.0:
        return 0.0 if difference == 0.0 else math.inf
    return difference / joint


def joint_sigmas_of_logs(first: float, first_std: float, second: float, second_std: float) -> float | None:
    """The same of two logarithms, for positive numbers with errors of tens of percent; None if one is not positive."""
    if min(first, second) <= 0.0:
        return None
    return joint_sigmas(math.log(first), first_std / first, math.log(second), second_std / second)


def joint_sigmas_of_counts(first: int, second: int) -> float:
    """The same of two numbers of independent events in equal times, each with the variance of its expectation."""
    return abs(first - second) / math.sqrt(max(first + second, 1))


def overlap(first: ArrayLike, second: ArrayLike) -> float:
    """Common part of two densities on one grid, ``sum min(p, q)`` of the normalised ones: 1 if equal, 0 if apart."""
    p, q = _normalised(first), _normalised(second)
    return float(np.minimum(p, q).sum())


def correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Pearson's correlation of two densities on one grid, over all voxels."""
    p, q = _normalised(first), _normalised(second)
    p, q = p - p.mean(), q - q.mean()
    return float((p * q).sum() / math.sqrt((p * p).sum() * (q * q).sum()))


def _normalised(density: ArrayLike) -> Array:
    values = np.asarray(density, dtype=np.float64)
    return np.asarray(values / values.sum())


@dataclass(frozen=True)
class MapAgreement:
    """How alike two density maps are, with the noise of the teacher's own.

    Attributes
    ----------
    overlap, correlation : float
        Of half a run of the model with half a run of the teacher, mean over the four pairs of halves.
    noise_overlap, noise_correlation : float
        Of the two halves of the teacher's run with each other: what a perfect model would show.
    """

    overlap: float
    correlation: float
    noise_overlap: float
    noise_correlation: float


def compare_maps(teacher_halves: Sequence[ArrayLike], model_halves: Sequence[ArrayLike]) -> MapAgreement:
    """Compare the maps of two runs half by half, so that the noise is that of halves throughout."""
    pairs = [(own, other) for own in teacher_halves for other in model_halves]
    ((first, second),) = pairwise(teacher_halves)
    return MapAgreement(
        overlap=float(np.mean([overlap(*pair) for pair in pairs])),
        correlation=float(np.mean([correlation(*pair) for pair in pairs])),
        noise_overlap=overlap(first, second),
        noise_correlation=correlation(first, second),
    )


@dataclass(frozen=True)
class ForceErrors:
    """Errors of a model on frames that the teacher visits.

    Attributes
    ----------
    force_rmse_meV_per_A : float
        Of the force components, meV/A.
    force_slope : float
        Slope of the model's forces on the teacher's, through the origin; below 1 the model is soft.
    energy_rmse_meV_per_atom : float
        Of the energies of one run about their mean difference, meV/atom.
    """

    force_rmse_meV_per_A: float
    force_slope: float
    energy_rmse_meV_per_atom: float


def compare_forces(
    teacher_eV_per_A: ArrayLike, model_eV_per_A: ArrayLike, teacher_eV_per_atom: ArrayLike, model_eV_per_atom: ArrayLike
) -> ForceErrors:
    """Errors of forces, and of energies without their common offset."""
    reference, found = np.asarray(teacher_eV_per_A), np.asarray(model_eV_per_A)
    difference = np.asarray(model_eV_per_atom) - np.asarray(teacher_eV_per_atom)
    return ForceErrors(
        force_rmse_meV_per_A=1000 * float(np.sqrt(((found - reference) ** 2).mean())),
        force_slope=float((found * reference).sum() / (reference**2).sum()),
        energy_rmse_meV_per_atom=1000 * float(difference.std()),
    )
