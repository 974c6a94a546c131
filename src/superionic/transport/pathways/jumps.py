"""Rates, residence times and the diffusivity that jumps between sites add up to."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from superionic.transport.displacement import Array
from superionic.transport.pathways.percolation import Percolation, Vector, percolate
from superionic.transport.pathways.stays import Stays
from superionic.units import A2_PER_PS_IN_CM2_PER_S

LEVEL = 0.95
MIN_FOR_DISPERSION = 10


@dataclass(frozen=True, eq=False)
class KindOfSite:
    """Occupancy and residence time of all sites of one label.

    Attributes
    ----------
    label : str
        Label.
    n_sites : int
        Number of such sites in the cell of the analysis.
    occupancy : float
        Mean number of ions per site.
    n_departures : int
        Jumps away from such sites.
    time_ps : float
        Time that ions spent there, summed over ions, in ps.
    residence_time_ps : float or None
        time / departures, the maximum likelihood estimate with stays that the run cuts off; None without departures.
    residence_time_std_ps : float or None
        Its standard error.
    residence_interval95_ps : tuple of float
        95 % interval; the high end is infinite without departures.
    """

    label: str
    n_sites: int
    occupancy: float
    n_departures: int
    time_ps: float
    residence_time_ps: float | None
    residence_time_std_ps: float | None
    residence_interval95_ps: tuple[float, float]


@dataclass(frozen=True, eq=False)
class JumpRate:
    """Jumps from one kind of site to another.

    Attributes
    ----------
    start, end : str
        Labels.
    n_jumps, n_back : int
        Jumps from start to end, and from end to start.
    rate_per_ps : float
        Jumps per time that ions spent on sites of the first kind, 1/ps.
    rate_std_per_ps : float
        Its standard error: Poisson, widened where ions differ by more than that.
    rate_interval95_per_ps : tuple of float
        95 % interval.
    distance_A, distance_min_A, distance_max_A : float
        Mean, shortest and longest jump from site to site, in angstrom.
    """

    start: str
    end: str
    n_jumps: int
    n_back: int
    rate_per_ps: float
    rate_std_per_ps: float
    rate_interval95_per_ps: tuple[float, float]
    distance_A: float
    distance_min_A: float
    distance_max_A: float

    @property
    def imbalance(self) -> float:
        """(forward - backward) / sqrt(forward + backward): beyond 3 the run is not in equilibrium."""
        return (self.n_jumps - self.n_back) / math.sqrt(max(self.n_jumps + self.n_back, 1))


@dataclass(frozen=True, eq=False)
class Link:
    """Jumps between two sites of the network, both ways.

    Attributes
    ----------
    start, end : int
        Sites.
    image : tuple of int
        Lattice vector of the cell of the second site, seen from the first.
    forward, backward : int
        Jumps each way; jumps that a translation of the unit cell maps onto each other count together.
    distance_A : float
        From site to site, in angstrom.
    """

    start: int
    end: int
    image: Vector
    forward: int
    backward: int
    distance_A: float


@dataclass(frozen=True, eq=False)
class JumpStatistics:
    """What the jumps of a run amount to.

    Attributes
    ----------
    n_jumps : int
        Jumps of all ions.
    kinds : tuple of KindOfSite
        Occupancies and residence times by label.
    rates : tuple of JumpRate
        Jumps by pair of labels, the most frequent first.
    links : tuple of Link
        The network, the most travelled link first.
    percolation : Percolation
        Directions in which it percolates; strengths are jumps both ways.
    jump_diffusivity_cm2_per_s, jump_diffusivity_std_cm2_per_s : float
        sum d^2 / (6 N t): the diffusivity if every jump were independent of the one before.
    jump_diffusivity_tensor_cm2_per_s : numpy.ndarray, (3, 3)
        sum d d^T / (2 N t).
    return_fraction : float or None
        Share of the jumps that the next jump of the ion undoes; None without two successive jumps.
    in_core_fraction, unassigned_fraction : float
        Share of the ions' time inside of cores of sites, and before their first arrival at one.
    """

    n_jumps: int
    kinds: tuple[KindOfSite, ...]
    rates: tuple[JumpRate, ...]
    links: tuple[Link, ...]
    percolation: Percolation
    jump_diffusivity_cm2_per_s: float
    jump_diffusivity_std_cm2_per_s: float
    jump_diffusivity_tensor_cm2_per_s: Array
    return_fraction: float | None
    in_core_fraction: float
    unassigned_fraction: float


def poisson_interval(count: int, level: float = LEVEL) -> tuple[float, float]:
    """Exact interval of the mean of a Poisson variable (Garwood, Biometrika 28, 437 (1936)).

    Parameters
    ----------
    count : int
        What was counted.
    level : float
        Confidence level.

    Returns
    -------
    tuple of float
        Low and high end.
    """
    tail = 0.5 * (1.0 - level)
    low = 0.5 * float(chi2.ppf(tail, 2 * count)) if count else 0.0
    return low, 0.5 * float(chi2.ppf(1.0 - tail, 2 * count + 2))


def jump_statistics(
    stays: Stays,
    sites_fractional: Array,
    labels: Sequence[str],
    lattice_A: Array,
    *,
    n_cells: int = 1,
    n_sites: dict[str, int] | None = None,
) -> JumpStatistics:
    """Rates, residence times, network and jump diffusivity.

    Rates are the maximum likelihood estimates of a Markov process that is watched for a finite time: jumps divided by
    all time spent on the sites they start from, stays that the end of the run cuts off included.

    Parameters
    ----------
    stays : Stays
        Stays of the ions.
    sites_fractional : numpy.ndarray, (sites, 3)
        Sites, in the cell of the analysis.
    labels : sequence of str
        Their kinds.
    lattice_A : numpy.ndarray, (3, 3)
        That cell, in angstrom.
    n_cells : int
        Cells of the analysis in the simulated cell.
    n_sites : dict of str to int, optional
        Sites of each kind in the cell, where some were never visited.

    Returns
    -------
    JumpStatistics
        Errors are Poisson, widened by the scatter between ions where that is larger.
    """
    kinds = sorted(set(labels) | set(n_sites or {}))
    kind = np.array([kinds.index(label) for label in labels])
    numbers = np.array([(n_sites or {}).get(label, list(labels).count(label)) for label in kinds])
    moves = _moves(stays, sites_fractional, lattice_A)
    exposure = np.zeros((stays.n_ions, len(kinds)))
    np.add.at(exposure, (stays.ion, kind[stays.site]), (stays.stop - stays.start) * stays.time_step_ps)
    links = _links(moves, sites_fractional, lattice_A)
    ends = [(link.start, link.end) for link in links]
    strengths = [link.forward + link.backward for link in links]
    value, std, tensor = _jump_diffusivity(moves, stays)
    return JumpStatistics(
        n_jumps=len(moves.ion),
        kinds=tuple(_kinds(kinds, numbers * n_cells, exposure, moves, kind, stays)),
        rates=tuple(_rates(kinds, exposure, moves, kind)),
        links=tuple(links),
        percolation=percolate(len(labels), ends, [link.image for link in links], strengths),
        jump_diffusivity_cm2_per_s=value,
        jump_diffusivity_std_cm2_per_s=std,
        jump_diffusivity_tensor_cm2_per_s=tensor,
        return_fraction=_return_fraction(moves),
        in_core_fraction=stays.in_core_fraction,
        unassigned_fraction=stays.unassigned_fraction,
    )


@dataclass(frozen=True, eq=False)
class _Moves:
    ion: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    image: NDArray[np.int64]
    step_A: Array


def _moves(stays: Stays, sites: Array, lattice_A: Array) -> _Moves:
    left = stays.departures()
    start, end = stays.site[left], stays.site[left + 1]
    image = stays.image[left + 1] - stays.image[left]
    step = (sites[end] - sites[start] + image) @ lattice_A
    return _Moves(stays.ion[left], start, end, image, step)


def _kinds(
    names: Sequence[str],
    numbers: NDArray[np.int64],
    exposure: Array,
    moves: _Moves,
    kind: NDArray[np.int64],
    stays: Stays,
) -> list[KindOfSite]:
    found = []
    for k, name in enumerate(names):
        time = float(exposure[:, k].sum())
        of_ion = np.bincount(moves.ion[kind[moves.start] == k], minlength=stays.n_ions)
        count, widen = int(of_ion.sum()), _widening(of_ion, exposure[:, k])
        low, high = _scaled_interval(count, widen)
        mean = time / count if count else None
        found.append(
            KindOfSite(
                label=name,
                n_sites=int(numbers[k]),
                occupancy=time / (stays.duration_ps * int(numbers[k])),
                n_departures=count,
                time_ps=time,
                residence_time_ps=mean,
                residence_time_std_ps=mean * widen / math.sqrt(count) if mean is not None else None,
                residence_interval95_ps=(time / high, time / low if low > 0.0 else float("inf")),
            )
        )
    return found


def _rates(names: Sequence[str], exposure: Array, moves: _Moves, kind: NDArray[np.int64]) -> list[JumpRate]:
    table = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(table, (kind[moves.start], kind[moves.end]), 1)
    length = np.linalg.norm(moves.step_A, axis=1)
    found = []
    for a, b in np.argwhere(table):
        chosen = (kind[moves.start] == a) & (kind[moves.end] == b)
        of_ion = np.bincount(moves.ion[chosen], minlength=len(exposure))
        widen, time, count = _widening(of_ion, exposure[:, a]), float(exposure[:, a].sum()), int(table[a, b])
        low, high = _scaled_interval(count, widen)
        found.append(
            JumpRate(
                start=names[a],
                end=names[b],
                n_jumps=count,
                n_back=int(table[b, a]),
                rate_per_ps=count / time,
                rate_std_per_ps=widen * math.sqrt(count) / time,
                rate_interval95_per_ps=(low / time, high / time),
                distance_A=float(length[chosen].mean()),
                distance_min_A=float(length[chosen].min()),
                distance_max_A=float(length[chosen].max()),
            )
        )
    return sorted(found, key=lambda rate: -rate.n_jumps)


def _widening(counts: NDArray[np.int64], exposure: Array) -> float:
    """Root of Pearson's chi^2 per degree of freedom for a common rate of all ions, where that exceeds 1."""
    there = exposure > 0.0
    total, dof = int(counts.sum()), int(there.sum()) - 1
    if total < MIN_FOR_DISPERSION or dof < 1:
        return 1.0
    expected = total * exposure[there] / exposure[there].sum()
    return float(np.sqrt(max(1.0, ((counts[there] - expected) ** 2 / expected).sum() / dof)))


def _scaled_interval(count: int, widen: float) -> tuple[float, float]:
    low, high = poisson_interval(count)
    return max(0.0, count - widen * (count - low)), count + widen * (high - count)


def _links(moves: _Moves, sites: Array, lattice_A: Array) -> list[Link]:
    rows = np.column_stack([moves.start, moves.end, moves.image])
    turned = np.column_stack([moves.end, moves.start, -moves.image])
    # a link counts from the end that comes first in the order of its row
    differs = rows != turned
    first = np.argmax(differs, axis=1)
    pick = np.arange(len(rows))
    back = differs.any(axis=1) & (rows[pick, first] > turned[pick, first])
    rows[back] = turned[back]
    unique, member = np.unique(rows, axis=0, return_inverse=True)
    total = np.bincount(member.ravel(), minlength=len(unique))
    backward = np.bincount(member.ravel(), weights=back, minlength=len(unique)).astype(int)
    links = []
    for (a, b, *image), count, returned in zip(unique.tolist(), total.tolist(), backward.tolist(), strict=True):
        distance = float(np.linalg.norm((sites[b] - sites[a] + image) @ lattice_A))
        links.append(Link(a, b, (image[0], image[1], image[2]), count - returned, returned, distance))
    return sorted(links, key=lambda link: -(link.forward + link.backward))


def _jump_diffusivity(moves: _Moves, stays: Stays) -> tuple[float, float, Array]:
    """In cm^2/s, with the standard error of the mean over ions."""
    time = stays.duration_ps
    squares = np.bincount(moves.ion, weights=(moves.step_A**2).sum(axis=1), minlength=stays.n_ions)
    values = A2_PER_PS_IN_CM2_PER_S * squares / (6.0 * time)
    tensor = A2_PER_PS_IN_CM2_PER_S * moves.step_A.T @ moves.step_A / (2.0 * stays.n_ions * time)
    spread = float(values.std(ddof=1) / np.sqrt(stays.n_ions)) if stays.n_ions > 1 else float("nan")
    return float(values.mean()), spread, np.asarray(tensor)


def _return_fraction(moves: _Moves) -> float | None:
    pairs = moves.ion[1:] == moves.ion[:-1]
    if not pairs.any():
        return None
    back = (moves.end[1:] == moves.start[:-1]) & (moves.image[1:] == -moves.image[:-1]).all(axis=1)
    return float(back[pairs].mean())
