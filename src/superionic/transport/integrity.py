"""Is the host lattice still the crystal that was meant? Melting, amorphisation, host hopping, rotating groups.

The thresholds come from molecular dynamics of a monatomic Lennard-Jones crystal (sound up to superheating, or
clearly molten). They are **not** validated on halides, on molecular anions that rotate, or near a melting point.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from pymatgen.core import Element

from superionic.transport.displacement import Array, HostFrame, Index, MsdSum
from superionic.transport.framework_order import MIN_ATOMS, bonds_kept, parent_reflections, reflection_strengths
from superionic.transport.window import ols_weights


class FrameworkState(StrEnum):
    """What became of a host species.

    Attributes
    ----------
    INTACT
        Its atoms stay on their sites.
    ROTATING_GROUPS
        Atoms leave their sites but stay bonded to centres that stay: molecular groups rotate. Counts as stable.
    SITE_EXCHANGE
        Atoms leave their sites while the order of the crystal stays: host atoms hop from site to site.
    MELTED
        The order is lost and the atoms keep moving.
    AMORPHISED
        The order is lost and the atoms come to rest on other places: amorphous, or another crystal.
    DISORDERED
        The order is lost; what is left of the run is too short to tell a melt from a glass.
    UNCLEAR
        Atoms leave their sites; there are too few of them to judge the order, or there was none at the start.
    """

    INTACT = "intact"
    ROTATING_GROUPS = "rotating_groups"
    SITE_EXCHANGE = "site_exchange"
    MELTED = "melted"
    AMORPHISED = "amorphised"
    DISORDERED = "disordered"
    UNCLEAR = "unclear"


STATE_WORDS = {
    FrameworkState.INTACT: "on its sites",
    FrameworkState.ROTATING_GROUPS: "groups rotate about centres that stay",
    FrameworkState.SITE_EXCHANGE: "atoms hop between sites of an ordered crystal",
    FrameworkState.MELTED: "melted",
    FrameworkState.AMORPHISED: "amorphised or transformed, then at rest",
    FrameworkState.DISORDERED: "order lost (melted or amorphised)",
    FrameworkState.UNCLEAR: "atoms leave their sites",
}
SEVERITY = tuple(FrameworkState)
FRAMES_PER_BLOCK, MIN_BLOCKS_AFTER, KEPT_BONDS, LEAST_ORDER = 5, 2, 0.95, 0.35


@dataclass(frozen=True)
class IntegritySettings:
    """Thresholds of the framework check.

    Attributes
    ----------
    max_late_exponent : float
        Largest log-log slope of the host MSD at long times; a crystal has 0, a melt 1.
    significant_rms : float
        The exponent only counts when the root mean square displacement exceeds this fraction of the
        nearest-neighbour distance: the slope of a small MSD is noise.
    max_fraction_displaced : float
        Largest fraction of the atoms of a host species further than half the nearest-neighbour distance from where
        they started.
    n_blocks : int
        Time blocks over which positions are averaged; the resolution of the time of onset.
    min_neighbour_A : float
        Floor of the nearest-neighbour distance in angstrom, for hosts with very short bonds.
    min_order : float
        The order counts as lost when the structure factor at the strongest reflections of the start falls below this
        fraction of what it was.
    flowing_fraction, resting_fraction : float
        A disordered host is a melt when at least the first fraction of its atoms moved on in the second half of the
        time since the onset, and amorphous when less than the second fraction did.
    judged_species : tuple of str, optional
        Host species that decide; by default all. Leave out anions known to rotate.
    """

    max_late_exponent: float = 0.3
    significant_rms: float = 0.3
    max_fraction_displaced: float = 0.05
    n_blocks: int = 20
    min_neighbour_A: float = 1.0
    min_order: float = 0.5
    flowing_fraction: float = 0.25
    resting_fraction: float = 0.05
    judged_species: tuple[str, ...] | None = None


@dataclass(frozen=True)
class HostSpecies:
    """State of one species of the host.

    Attributes
    ----------
    species : str
        Chemical symbol.
    count : int
        Number of atoms.
    late_exponent : float
        Log-log slope of the MSD for lags of a tenth to half of the run; NaN when nothing moves.
    rms_displacement_A : float
        Root of the MSD at half of the run, vibration included, in angstrom.
    nearest_neighbour_A : float
        Mean distance to the nearest host atom at the start, in angstrom.
    fraction_displaced : float
        Fraction of the atoms that end further than half that distance from their start.
    onset_ps : float or None
        Time from which the fraction displaced stays above its threshold.
    judged : bool
        Whether this species counts in the verdict.
    stable : bool
        Whether it passes.
    state : FrameworkState
        What became of it.
    order : float
        Structure factor at the strongest reflections of the first frame, at the end over at the start; NaN below 8
        atoms, and where the first frame shows no order.
    time_ps : tuple of float
        Middles of the time blocks of the next two, in ps after the first frame analysed.
    displaced_by_time, order_by_time : tuple of float
        Fraction displaced, and order, in each time block.
    """

    species: str
    count: int
    late_exponent: float
    rms_displacement_A: float
    nearest_neighbour_A: float
    fraction_displaced: float
    onset_ps: float | None
    judged: bool
    stable: bool
    state: FrameworkState
    order: float
    time_ps: tuple[float, ...]
    displaced_by_time: tuple[float, ...]
    order_by_time: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class FrameworkIntegrity:
    """State of the host lattice over a run.

    Attributes
    ----------
    checked : bool
        False when the trajectory holds no host atoms, so that nothing could be checked.
    stable : bool
        Whether all judged host species pass (True when nothing was checked).
    species : tuple of HostSpecies
        One entry per host species.
    fraction_displaced : float
        Over all host atoms; NaN when not checked.
    state : FrameworkState
        The gravest state among the judged species.
    onset_ps : float or None
        Earliest onset among the judged species, in ps after the first frame analysed.
    reason : str
        What was found, in words.
    msd_A2 : numpy.ndarray, (lags,)
        All-origin MSD of the host in A^2 at lags 0, 1, ... frames, mean over its atoms.
    """

    checked: bool
    stable: bool
    species: tuple[HostSpecies, ...]
    fraction_displaced: float
    state: FrameworkState
    onset_ps: float | None
    reason: str
    msd_A2: Array


def check_framework(frame: HostFrame, settings: IntegritySettings | None = None) -> FrameworkIntegrity:
    """Judge the host lattice, species by species.

    A species is unstable when 5 % of its atoms end further than half the nearest-neighbour distance from where they
    started, or when its MSD is large and still grows at long times (log-log slope above 0.3); unless all that happens
    is that groups rotate about centres that stay.

    Parameters
    ----------
    frame : HostFrame
        The trajectory, drift of the host removed.
    settings : IntegritySettings, optional
        Thresholds.

    Returns
    -------
    FrameworkIntegrity
        The finding.
    """
    settings = settings or IntegritySettings()
    n_lags = frame.n_frames // 2 + 1
    if not len(frame.host_index):
        nothing, why = np.full(n_lags, np.nan), "not checked: the trajectory holds no host atoms"
        return FrameworkIntegrity(False, True, (), float("nan"), FrameworkState.INTACT, None, why, nothing)
    neighbours = np.maximum(_nearest_neighbours(frame), settings.min_neighbour_A)
    followed = []
    for symbol in sorted(set(frame.species[frame.host_index].tolist())):
        chosen = frame.species[frame.host_index] == symbol
        followed.append(_follow(frame, frame.host_index[chosen], neighbours[chosen], settings))
    staying = [each.index for each in followed if not _leaves(each, settings)]
    centres = np.concatenate(staying) if staying else np.empty(0, dtype=np.intp)
    found = [_judge(frame, each, settings, centres) for each in followed]
    bad = [s for s in found if s.judged and not s.stable]
    n_host = len(frame.host_index)
    return FrameworkIntegrity(
        checked=True,
        stable=not bad,
        species=tuple(found),
        fraction_displaced=sum(s.fraction_displaced * s.count for s in found) / n_host,
        state=max((s.state for s in found if s.judged), key=SEVERITY.index, default=FrameworkState.INTACT),
        onset_ps=min((s.onset_ps for s in bad if s.onset_ps is not None), default=None),
        reason=_words(bad, found),
        msd_A2=np.sum([each.msd_A2 * len(each.index) for each in followed], axis=0) / n_host,
    )


def _words(bad: list[HostSpecies], found: list[HostSpecies]) -> str:
    rotating = [s.species for s in found if s.state is FrameworkState.ROTATING_GROUPS]
    if not bad:
        note = f" ({', '.join(rotating)}: {STATE_WORDS[FrameworkState.ROTATING_GROUPS]})" if rotating else ""
        return f"every judged host species stays on its sites{note}"
    parts = [
        f"{s.species}: {STATE_WORDS[s.state]}, {100 * s.fraction_displaced:.0f} % displaced, late MSD exponent "
        f"{s.late_exponent:.2f}, rms displacement {s.rms_displacement_A:.1f} A"
        + (f", order {100 * s.order:.0f} % of the start" if np.isfinite(s.order) else "")
        + (f", from {s.onset_ps:.3g} ps on" if s.onset_ps is not None else "")
        for s in bad
    ]
    return "host atoms leave their sites (" + "; ".join(parts) + ")"


def _nearest_neighbours(frame: HostFrame) -> Array:
    window = max(1, frame.n_frames // 10)
    start = np.concatenate([x[..., :window].mean(axis=-1) for x in frame.chunks(frame.host_index)])
    host = Atoms(numbers=np.zeros(len(start), dtype=int), positions=start, cell=frame.lattice_A, pbc=True)
    # every atom has its own image at the shortest cell vector, so the search ends there at the latest
    cutoff, longest = 3.0, float(np.linalg.norm(frame.lattice_A, axis=1).min()) + 0.1
    while True:
        nearest = np.full(len(start), np.inf)
        first, distance = neighbor_list("id", host, min(cutoff, longest))
        np.minimum.at(nearest, first, distance)
        if np.all(np.isfinite(nearest)):
            return nearest
        cutoff *= 1.5


@dataclass(frozen=True, eq=False)
class _Followed:
    """One host species over time blocks; the first block is the reference."""

    index: Index
    neighbours_A: Array
    msd_A2: Array
    distances_A: Array
    places_A: Array
    order: Array
    block_ps: float

    @property
    def displaced(self) -> Array:
        """Fraction displaced in each block but the first."""
        return np.asarray((self.distances_A > 0.5 * self.neighbours_A).mean(axis=1), dtype=np.float64)

    def onset_block(self, limit: float) -> int | None:
        """First block from which on the fraction stays at the limit or above it."""
        intact = np.flatnonzero(self.displaced < limit)
        first = int(intact[-1]) + 1 if len(intact) else 0
        return first + 1 if first < len(self.displaced) else None


def _follow(frame: HostFrame, index: Index, neighbours: Array, settings: IntegritySettings) -> _Followed:
    n_lags = frame.n_frames // 2 + 1
    edges = np.linspace(0, frame.n_frames, min(settings.n_blocks, frame.n_frames // 5) + 1).astype(int)
    total, places = MsdSum(frame.n_frames, n_lags), []
    for x in frame.chunks(index):
        total.add(x)
        places.append(np.stack([x[..., a:b].mean(axis=-1) for a, b in pairwise(edges)]))
    means = np.concatenate(places, axis=1)
    return _Followed(
        index=index,
        neighbours_A=neighbours,
        msd_A2=total.total_A2() / len(index),
        distances_A=np.linalg.norm(means[1:] - means[0], axis=-1),
        places_A=means,
        order=_order(frame, index, edges),
        block_ps=frame.n_frames * frame.time_step_ps / (len(edges) - 1),
    )


def _order(frame: HostFrame, index: Index, edges: Index) -> Array:
    """Structure factor of each block over that of the first frame; NaN where that shows no order to lose."""
    unknown = np.full(len(edges) - 1, np.nan)
    if len(index) < MIN_ATOMS:
        return unknown
    # copies: views would keep every chunk in memory
    first = np.concatenate([x[..., 0].copy() for x in frame.chunks(index)])
    sampled = np.concatenate([np.linspace(a, b - 1, FRAMES_PER_BLOCK).astype(np.intp) for a, b in pairwise(edges)])
    strengths = reflection_strengths(frame, index, parent_reflections(first, frame.lattice_A), sampled)
    # the strongest of many reflections of a liquid, about 2 / sqrt(N), must not pass for order
    if strengths[0] < max(LEAST_ORDER, 2.0 / np.sqrt(len(index))):
        return unknown
    return np.asarray(strengths.reshape(-1, FRAMES_PER_BLOCK).mean(axis=1) / strengths[0], dtype=np.float64)


def _late(followed: _Followed, n_frames: int) -> tuple[float, float]:
    """Log-log slope of the MSD at late lags, and the root of the MSD at the last."""
    lags = np.unique(np.geomspace(max(1, n_frames // 10), len(followed.msd_A2) - 1, 20).astype(int))
    late = followed.msd_A2[lags]
    moves = len(lags) > 1 and bool(np.all(late > 0.0))
    exponent = float(np.log(late) @ ols_weights(np.log(lags.astype(np.float64)))) if moves else float("nan")
    return exponent, float(np.sqrt(late[-1]))


def _leaves(followed: _Followed, settings: IntegritySettings) -> bool:
    return bool(followed.displaced[-1] >= settings.max_fraction_displaced)


def _judge(frame: HostFrame, followed: _Followed, settings: IntegritySettings, centres: Index) -> HostSpecies:
    symbol, neighbour = str(frame.species[followed.index[0]]), float(followed.neighbours_A.mean())
    exponent, rms = _late(followed, frame.n_frames)
    grows = bool(exponent >= settings.max_late_exponent and rms > settings.significant_rms * neighbour)
    unstable = _leaves(followed, settings) or grows
    onset = followed.onset_block(settings.max_fraction_displaced)
    state = _state(frame, followed, settings, onset, centres) if unstable else FrameworkState.INTACT
    times = (np.arange(len(followed.order)) + 0.5) * followed.block_ps
    return HostSpecies(
        species=symbol,
        count=len(followed.index),
        late_exponent=exponent,
        rms_displacement_A=rms,
        nearest_neighbour_A=neighbour,
        fraction_displaced=float(followed.displaced[-1]),
        onset_ps=None if onset is None else onset * followed.block_ps,
        judged=settings.judged_species is None or symbol in settings.judged_species,
        stable=state in {FrameworkState.INTACT, FrameworkState.ROTATING_GROUPS},
        state=state,
        order=float(followed.order[-1]),
        time_ps=tuple(times.tolist()),
        displaced_by_time=(0.0, *followed.displaced.tolist()),
        order_by_time=tuple(followed.order.tolist()),
    )


def _state(
    frame: HostFrame, followed: _Followed, settings: IntegritySettings, onset: int | None, centres: Index
) -> FrameworkState:
    centres = _could_hold(frame, followed, centres)
    if _leaves(followed, settings) and len(centres) and _only_rotates(frame, followed, centres):
        return FrameworkState.ROTATING_GROUPS
    order = float(followed.order[-1])
    if not np.isfinite(order):
        return FrameworkState.UNCLEAR
    if order >= settings.min_order:
        return FrameworkState.SITE_EXCHANGE
    middle = ((onset or 0) + len(followed.order)) // 2
    if onset is None or len(followed.order) - middle < MIN_BLOCKS_AFTER:
        return FrameworkState.DISORDERED
    moved = np.linalg.norm(followed.places_A[-1] - followed.places_A[middle], axis=-1) > 0.5 * followed.neighbours_A
    if moved.mean() >= settings.flowing_fraction:
        return FrameworkState.MELTED
    return FrameworkState.AMORPHISED if moved.mean() < settings.resting_fraction else FrameworkState.DISORDERED


def _could_hold(frame: HostFrame, followed: _Followed, centres: Index) -> Index:
    """Atoms less electronegative than a species: anions turn about cations, a cation that leaves has hopped."""
    own = Element(str(frame.species[followed.index[0]])).X
    return centres[[bool(own > Element(str(frame.species[i])).X) for i in centres]]


def _only_rotates(frame: HostFrame, followed: _Followed, centres: Index) -> bool:
    """Nearly all atoms that left are still bonded to a centre that stays."""
    last = np.linspace(0.95 * (frame.n_frames - 1), frame.n_frames - 1, FRAMES_PER_BLOCK).astype(np.intp)
    held = bonds_kept(frame, followed.index, centres, last)
    away = followed.distances_A[-1] > 0.5 * followed.neighbours_A
    return bool(held[away].mean() >= KEPT_BONDS)
