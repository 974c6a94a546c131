"""Is the host lattice still the crystal that was meant? Melting, amorphisation and host hopping.

The thresholds come from molecular dynamics of a monatomic Lennard-Jones crystal (sound up to superheating, or
clearly molten). They are **not** validated on halides, on molecular anions that rotate, or near a melting point.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list

from superionic.transport.displacement import Array, HostFrame, Index, msd_fft
from superionic.transport.estimator import ols_weights


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
    judged_species : tuple of str, optional
        Host species that decide; by default all. Leave out anions known to rotate.
    """

    max_late_exponent: float = 0.3
    significant_rms: float = 0.3
    max_fraction_displaced: float = 0.05
    n_blocks: int = 20
    min_neighbour_A: float = 1.0
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
    onset_ps: float | None
    reason: str
    msd_A2: Array


def check_framework(frame: HostFrame, settings: IntegritySettings | None = None) -> FrameworkIntegrity:
    """Judge the host lattice, species by species.

    A species is unstable when 5 % of its atoms end further than half the nearest-neighbour distance from where they
    started, or when its MSD is large and still grows at long times (log-log slope above 0.3).

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
        nothing = np.full(n_lags, np.nan)
        return FrameworkIntegrity(
            False, True, (), float("nan"), None, "not checked: the trajectory holds no host atoms", nothing
        )
    neighbours = np.maximum(_nearest_neighbours(frame), settings.min_neighbour_A)
    found, total, displaced = [], np.zeros(n_lags), 0.0
    for symbol in sorted(set(frame.species[frame.host_index].tolist())):
        chosen = frame.species[frame.host_index] == symbol
        msd, fractions = _follow(frame, frame.host_index[chosen], neighbours[chosen], n_lags, settings)
        found.append(_judge(frame, symbol, msd, fractions, neighbours[chosen], settings))
        total += msd * chosen.sum()
        displaced += fractions[-1] * chosen.sum()
    bad = [s for s in found if s.judged and not s.stable]
    onsets = [s.onset_ps for s in bad if s.onset_ps is not None]
    n_host = len(frame.host_index)
    return FrameworkIntegrity(
        True, not bad, tuple(found), float(displaced / n_host), min(onsets, default=None), _words(bad), total / n_host
    )


def _words(bad: list[HostSpecies]) -> str:
    if not bad:
        return "every judged host species stays on its sites"
    parts = [
        f"{s.species}: {100 * s.fraction_displaced:.0f} % displaced, late MSD exponent {s.late_exponent:.2f}, "
        f"rms displacement {s.rms_displacement_A:.1f} A"
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


def _follow(
    frame: HostFrame, index: Index, neighbours: Array, n_lags: int, settings: IntegritySettings
) -> tuple[Array, Array]:
    """MSD of a species, and the fraction of its atoms displaced in each time block but the first."""
    edges = np.linspace(0, frame.n_frames, min(settings.n_blocks, frame.n_frames // 5) + 1).astype(int)
    total, far, done = np.zeros(n_lags), np.zeros(len(edges) - 2), 0
    for x in frame.chunks(index):
        total += msd_fft(x)[:, :n_lags].sum(axis=0)
        places = np.stack([x[..., a:b].mean(axis=-1) for a, b in pairwise(edges)])
        distance = np.linalg.norm(places[1:] - places[0], axis=-1)
        far += (distance > 0.5 * neighbours[done : done + len(x)]).sum(axis=1)
        done += len(x)
    return total / len(index), far / len(index)


def _judge(
    frame: HostFrame, symbol: str, msd: Array, fractions: Array, neighbours: Array, settings: IntegritySettings
) -> HostSpecies:
    lags = np.unique(np.geomspace(max(1, frame.n_frames // 10), len(msd) - 1, 20).astype(int))
    late = msd[lags]
    moves = len(lags) > 1 and bool(np.all(late > 0.0))
    exponent = float(np.log(late) @ ols_weights(np.log(lags.astype(np.float64)))) if moves else float("nan")
    rms = float(np.sqrt(late[-1]))
    grows = moves and exponent >= settings.max_late_exponent and rms > settings.significant_rms * neighbours.mean()
    displaced = fractions >= settings.max_fraction_displaced
    intact = np.flatnonzero(~displaced)
    first_bad = int(intact[-1]) + 1 if len(intact) else 0
    block_ps = frame.n_frames * frame.time_step_ps / (len(fractions) + 1)
    return HostSpecies(
        species=symbol,
        count=len(neighbours),
        late_exponent=exponent,
        rms_displacement_A=rms,
        nearest_neighbour_A=float(neighbours.mean()),
        fraction_displaced=float(fractions[-1]),
        onset_ps=(first_bad + 1) * block_ps if displaced[-1] else None,
        judged=settings.judged_species is None or symbol in settings.judged_species,
        stable=not (bool(displaced[-1]) or grows),
    )
