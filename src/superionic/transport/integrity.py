"""Is the host lattice still the crystal that was meant? Melting, amorphisation, host hopping, rotating groups.

Rule and thresholds are measured on molecular dynamics: `benchmarks/framework.py`, docs/methods/transport.md.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray
from pymatgen.core import Element
from scipy.special import bdtrc

from superionic.transport.displacement import Array, HostFrame, Index, MsdSum
from superionic.transport.framework_order import MIN_ATOMS, bonds_kept, parent_reflections, reflection_strengths
from superionic.transport.framework_state import (
    SEVERITY,
    STABLE,
    STATE_WORDS,
    FrameworkIntegrity,
    FrameworkState,
    HostSpecies,
    IntegritySettings,
)
from superionic.transport.window import ols_weights

FRAMES_PER_BLOCK, KEPT_BONDS, LEAST_ORDER = 5, 0.95, 0.35
BLOCKS_TO_FLOW, BLOCKS_TO_REST = 2, 4


def check_framework(frame: HostFrame, settings: IntegritySettings | None = None) -> FrameworkIntegrity:
    """Judge the host lattice, species by species.

    A species is unstable when more of its atoms end further than half the distance to their neighbours of the same
    species from where they started than a sound host shows by chance (:func:`too_many`), or when the MSD of the others
    is large and still grows at long times; unless all that happens is that groups rotate about centres that stay.
    Fewer atoms are reported as defects, which count when those of all species together are too many.

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
        return FrameworkIntegrity(False, True, (), float("nan"), FrameworkState.INTACT, None, why, (), nothing)
    neighbours = _neighbour_distances(frame, settings)
    followed = []
    for symbol in sorted(set(frame.species[frame.host_index].tolist())):
        chosen = frame.species[frame.host_index] == symbol
        followed.append(_follow(frame, frame.host_index[chosen], neighbours[chosen], settings))
    found = _judge_all(frame, followed, settings)
    bad = [s for s in found if s.judged and not s.stable]
    n_host = len(frame.host_index)
    return FrameworkIntegrity(
        checked=True,
        stable=not bad,
        species=tuple(found),
        fraction_displaced=sum(s.n_displaced for s in found) / n_host,
        state=max((s.state for s in found if s.judged), key=SEVERITY.index, default=FrameworkState.INTACT),
        onset_ps=min((s.onset_ps for s in bad if s.onset_ps is not None), default=None),
        reason=_words(bad, found),
        warnings=tuple(_defect_words(s) for s in found if s.state is FrameworkState.HOST_DEFECTS),
        msd_A2=np.sum([each.msd_A2 * len(each.index) for each in followed], axis=0) / n_host,
    )


def too_many(n_displaced: NDArray[np.integer] | int, n_atoms: int, settings: IntegritySettings) -> NDArray[np.bool_]:
    """Whether more atoms left their sites than a sound host shows by chance.

    All of them, or at least two, the fraction allowed, and so many that a host which loses that fraction shows as
    many with less than the probability `chance` (binomial distribution).

    Parameters
    ----------
    n_displaced : int or numpy.ndarray of int
        Atoms that left.
    n_atoms : int
        Atoms there are.
    settings : IntegritySettings
        Fraction and probability.
    """
    count = np.asarray(n_displaced, dtype=np.int64)
    unlikely = bdtrc(count - 1, n_atoms, settings.max_fraction_displaced) < settings.chance
    many = (count >= 2) & (count >= settings.max_fraction_displaced * n_atoms)  # noqa: PLR2004 (one is a defect)
    return np.asarray((many & unlikely) | (count == n_atoms), dtype=np.bool_)


def _words(bad: list[HostSpecies], found: list[HostSpecies]) -> str:
    if not bad:
        notes = [f"{s.species}: {STATE_WORDS[s.state]}" for s in found if s.state is FrameworkState.ROTATING_GROUPS] + [
            _defect_words(s) for s in found if s.state is FrameworkState.HOST_DEFECTS
        ]
        return "the host keeps its sites" + (f" ({'; '.join(notes)})" if notes else "")
    parts = [
        f"{s.species}: {STATE_WORDS[s.state]}, {s.n_displaced} of {s.count} displaced, late MSD exponent "
        f"{s.late_exponent:.2f}, rms displacement {s.rms_displacement_A:.1f} A"
        + (f", order {100 * s.order:.0f} % of the start" if np.isfinite(s.order) else "")
        + (f", from {s.onset_ps:.3g} ps on" if s.onset_ps is not None else "")
        for s in bad
    ]
    return "host atoms leave their sites (" + "; ".join(parts) + ")"


def _defect_words(species: HostSpecies) -> str:
    since = "" if species.onset_ps is None else f" from {species.onset_ps:.3g} ps on"
    left = "its site" if species.n_displaced == 1 else "their sites"
    return f"host defects: {species.n_displaced} of {species.count} {species.species} left {left}{since}"


def _neighbour_distances(frame: HostFrame, settings: IntegritySettings) -> Array:
    """Distance of each host atom to the nearest site of its kind, within bounds.

    Half of it is where another site begins. The nearest atom of any kind would not do: in a molecular group it is
    closer than the group vibrates.
    """
    window = max(1, frame.n_frames // 10)
    start = np.concatenate([x[..., :window].mean(axis=-1) for x in frame.chunks(frame.host_index)])
    symbols = frame.species[frame.host_index]
    own = np.empty(len(start))
    for symbol in set(symbols.tolist()):
        own[symbols == symbol] = _nearest(start[symbols == symbol], frame.lattice_A)
    own = np.maximum(np.minimum(own, settings.max_neighbour_A), _nearest(start, frame.lattice_A))
    return np.asarray(np.maximum(own, settings.min_neighbour_A), dtype=np.float64)


def _nearest(positions_A: Array, lattice_A: Array) -> Array:
    atoms = Atoms(numbers=np.zeros(len(positions_A), dtype=int), positions=positions_A, cell=lattice_A, pbc=True)
    # every atom has its own image at the shortest cell vector, so the search ends there at the latest
    cutoff, longest = 3.0, float(np.linalg.norm(lattice_A, axis=1).min()) + 0.1
    while True:
        nearest = np.full(len(positions_A), np.inf)
        first, distance = neighbor_list("id", atoms, min(cutoff, longest))
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
    away: NDArray[np.bool_]
    places_A: Array
    order: Array
    block_ps: float

    @property
    def left(self) -> NDArray[np.bool_]:
        """Atoms that ended off their sites: a single block may catch one on an excursion."""
        return np.asarray(self.away[-2:].all(axis=0), dtype=np.bool_)

    @property
    def counts(self) -> NDArray[np.intp]:
        """Atoms off their sites in each block but the first."""
        return np.asarray(self.away.sum(axis=1), dtype=np.intp)


def _onset_block(bad: NDArray[np.bool_]) -> int | None:
    """Time block from which on things are bad, given those after the first."""
    good = np.flatnonzero(~bad)
    first = int(good[-1]) + 1 if len(good) else 0
    return first + 1 if first < len(bad) else None


def _follow(frame: HostFrame, index: Index, neighbours: Array, settings: IntegritySettings) -> _Followed:
    n_lags = frame.n_frames // 2 + 1
    n_blocks = max(2, min(settings.n_blocks, frame.n_frames // 5))
    edges = np.linspace(0, frame.n_frames, n_blocks + 1).astype(int)
    total, places = MsdSum(frame.n_frames, n_lags), []
    for x in frame.chunks(index):
        total.add(x)
        places.append(np.stack([x[..., a:b].mean(axis=-1) for a, b in pairwise(edges)]))
    means = np.concatenate(places, axis=1)
    return _Followed(
        index=index,
        neighbours_A=neighbours,
        msd_A2=total.total_A2() / len(index),
        away=np.linalg.norm(means[1:] - means[0], axis=-1) > 0.5 * neighbours,
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


def _late(msd_A2: Array, n_frames: int) -> tuple[float, float]:
    """Log-log slope of the MSD at late lags, and the root of the MSD at the last."""
    lags = np.unique(np.geomspace(max(1, n_frames // 10), len(msd_A2) - 1, 20).astype(int))
    late = msd_A2[lags]
    moves = len(lags) > 1 and bool(np.all(late > 0.0))
    exponent = float(np.log(late) @ ols_weights(np.log(lags.astype(np.float64)))) if moves else float("nan")
    return exponent, float(np.sqrt(late[-1]))


def _grows(frame: HostFrame, followed: _Followed, settings: IntegritySettings) -> bool:
    """Whether the atoms still on their sites are on the move."""
    staying = followed.index[~followed.left]
    if not len(staying):
        return False
    msd = followed.msd_A2
    if followed.left.any():
        total = MsdSum(frame.n_frames, len(msd))
        for x in frame.chunks(staying):
            total.add(x)
        msd = total.total_A2() / len(staying)
    exponent, rms = _late(msd, frame.n_frames)
    return exponent >= settings.max_late_exponent and rms > settings.significant_rms * followed.neighbours_A.mean()


@dataclass(frozen=True, eq=False)
class _Judgement:
    """What decides about a species."""

    leaves: bool
    rotates: bool
    together: NDArray[np.bool_] | None

    def onset_block(self, followed: _Followed, settings: IntegritySettings) -> int | None:
        if self.leaves:
            return _onset_block(too_many(followed.counts, len(followed.index), settings))
        if self.together is not None and followed.left.any():
            return _onset_block(self.together)
        return _onset_block(followed.counts > 0) if followed.left.any() else None


def _judge_all(frame: HostFrame, followed: list[_Followed], settings: IntegritySettings) -> list[HostSpecies]:
    leaves = [bool(too_many(int(each.left.sum()), len(each.index), settings)) for each in followed]
    staying = [each.index[~each.left] for each, gone in zip(followed, leaves, strict=True) if not gone]
    centres = np.concatenate(staying) if staying else np.empty(0, dtype=np.intp)
    rotates = [_only_rotates(frame, each, centres) for each in followed]
    # defects of several species add up: two of eight of each cation are no accident
    pool = [
        each
        for each, gone, turns in zip(followed, leaves, rotates, strict=True)
        if not (gone or turns) and _is_judged(frame, each, settings)
    ]
    n_pool = sum(len(each.index) for each in pool)
    left = sum(int(each.left.sum()) for each in pool)
    together = None
    if pool and too_many(left, n_pool, settings):
        together = too_many(np.sum([each.counts for each in pool], axis=0), n_pool, settings)
    return [
        _judge(frame, each, settings, _Judgement(gone, turns, together if each in pool else None))
        for each, gone, turns in zip(followed, leaves, rotates, strict=True)
    ]


def _is_judged(frame: HostFrame, followed: _Followed, settings: IntegritySettings) -> bool:
    return settings.judged_species is None or str(frame.species[followed.index[0]]) in settings.judged_species


def _judge(frame: HostFrame, followed: _Followed, settings: IntegritySettings, judgement: _Judgement) -> HostSpecies:
    exponent, rms = _late(followed.msd_A2, frame.n_frames)
    onset = judgement.onset_block(followed, settings)
    state = _state(frame, followed, settings, judgement)
    n_displaced = int(followed.left.sum())
    times = (np.arange(len(followed.order)) + 0.5) * followed.block_ps
    return HostSpecies(
        species=str(frame.species[followed.index[0]]),
        count=len(followed.index),
        late_exponent=exponent,
        rms_displacement_A=rms,
        nearest_neighbour_A=float(followed.neighbours_A.mean()),
        n_displaced=n_displaced,
        fraction_displaced=n_displaced / len(followed.index),
        onset_ps=None if onset is None else onset * followed.block_ps,
        judged=_is_judged(frame, followed, settings),
        stable=state in STABLE,
        state=state,
        order=float(followed.order[-1]),
        time_ps=tuple(times.tolist()),
        displaced_by_time=(0.0, *(followed.counts / len(followed.index)).tolist()),
        order_by_time=tuple(followed.order.tolist()),
    )


def _state(frame: HostFrame, followed: _Followed, settings: IntegritySettings, judgement: _Judgement) -> FrameworkState:
    if judgement.rotates:
        return FrameworkState.ROTATING_GROUPS
    some = bool(followed.left.any())
    leaves = judgement.leaves or (some and judgement.together is not None)
    if not leaves and not _grows(frame, followed, settings):
        return FrameworkState.HOST_DEFECTS if some else FrameworkState.INTACT
    order = float(followed.order[-1])
    if not np.isfinite(order):
        return FrameworkState.UNCLEAR
    if order >= settings.min_order:
        return FrameworkState.SITE_EXCHANGE if leaves else FrameworkState.UNCLEAR
    return _without_order(followed, settings, judgement.onset_block(followed, settings))


def _without_order(followed: _Followed, settings: IntegritySettings, onset: int | None) -> FrameworkState:
    middle = ((onset or 0) + len(followed.order)) // 2
    later = len(followed.order) - middle
    if onset is None or later < BLOCKS_TO_FLOW:
        return FrameworkState.DISORDERED
    moved = np.linalg.norm(followed.places_A[-1] - followed.places_A[middle], axis=-1) > 0.5 * followed.neighbours_A
    if moved.mean() >= settings.flowing_fraction:
        return FrameworkState.MELTED
    # atoms of a melt need time to move on, too
    rests = later >= BLOCKS_TO_REST and moved.mean() < settings.resting_fraction
    return FrameworkState.AMORPHISED if rests else FrameworkState.DISORDERED


def _only_rotates(frame: HostFrame, followed: _Followed, centres: Index) -> bool:
    """Nearly all atoms that left are still bonded to a centre that stays.

    Only non-metals turn about centres; a metal that leaves has hopped.
    """
    own = str(frame.species[followed.index[0]])
    centres = centres[frame.species[centres] != own]
    if Element(own).is_metal or not len(centres) or not followed.left.any():
        return False
    last = np.linspace(0.95 * (frame.n_frames - 1), frame.n_frames - 1, FRAMES_PER_BLOCK).astype(np.intp)
    held = bonds_kept(frame, followed.index, centres, last)
    return bool(held[followed.left].mean() >= KEPT_BONDS)
