"""The methods behind :func:`superionic.sampling.selection.choose`.

Each takes the scores of all structures (rows of principal components, or energies), the number to add, what is chosen
already, and a random generator, and returns the positions that it adds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist, pdist

from superionic.errors import NotConfiguredError
from superionic.stages import SelectionMethod

FloatArray = NDArray[np.float64]
Selector = Callable[[FloatArray, int, Sequence[int], np.random.Generator], list[int]]


def random_choice(scores: FloatArray, count: int, chosen: Sequence[int], rng: np.random.Generator) -> list[int]:
    """Uniform choice among the rest."""
    rest = np.setdiff1d(np.arange(len(scores)), np.asarray(chosen, dtype=np.int64))
    return [int(index) for index in rng.choice(rest, count, replace=False)]


def lowest(scores: FloatArray, count: int, chosen: Sequence[int], _rng: np.random.Generator) -> list[int]:
    """The lowest values of the first column."""
    order = np.argsort(scores[:, 0], kind="stable").tolist()
    return [index for index in order if index not in set(chosen)][:count]


def farthest_points(scores: FloatArray, count: int, chosen: Sequence[int], _rng: np.random.Generator) -> list[int]:
    """Farthest point sampling: always the structure farthest from its nearest chosen one.

    The start, where nothing is chosen yet, is the structure nearest to the mean. The largest distance of any structure
    to its nearest chosen one is at most twice the smallest possible (Gonzalez, Theor. Comput. Sci. 38, 293, 1985).
    """
    added: list[int] = []
    if not chosen:
        added.append(_most_central(scores))
    nearest = _distances(scores, [*chosen, *added]).min(axis=1)
    while len(added) < count:
        nearest[[*chosen, *added]] = -1.0
        added.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, _distances(scores, added[-1:])[:, 0])
    return added


def medoids(scores: FloatArray, count: int, chosen: Sequence[int], _rng: np.random.Generator) -> list[int]:
    """Partitioning around medoids (Kaufman and Rousseeuw, 1990) with some medoids given.

    Medoids are added greedily, then exchanged as long as that lowers the sum of the distances to the nearest one.
    """
    distances = _distances(scores, range(len(scores)))
    found = list(chosen)
    if not found:
        found.append(int(np.argmin(distances.sum(axis=1))))
    while len(found) < len(chosen) + count:
        nearest = distances[:, found].min(axis=1)
        gain = np.maximum(nearest[:, None] - distances, 0.0).sum(axis=0)
        gain[found] = -1.0
        found.append(int(np.argmax(gain)))
    while (better := _best_exchange(distances, found, len(chosen))) is not None:
        found = better
    return found[len(chosen) :]


def most_informative(scores: FloatArray, count: int, chosen: Sequence[int], _rng: np.random.Generator) -> list[int]:
    """Greedy choice of the largest gain of information, by QUESTS.

    Sources: Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025); Yu, Lordi and Schwalbe-Koda, arXiv 2511.10561.

    The gain of a structure x is -ln sum_j K(x, x_j) over the chosen x_j, with a Gaussian kernel K. Each structure is
    one point of QUESTS; the bandwidth is the median of all distances.

    Raises
    ------
    NotConfiguredError
        If QUESTS is not installed.
    """
    try:
        import numba
        from quests.compression.fps import msc_conditional
    except ImportError as error:
        raise NotConfiguredError(
            f"selection method entropy needs QUESTS ({error}): pip install 'superionic[selection]', or use fps"
        ) from error
    added = [] if chosen else [_most_central(scores)]
    reference = [*chosen, *added]
    bandwidth = float(np.median(pdist(scores))) if scores.shape[1] and len(scores) > 1 else 0.0
    if bandwidth == 0.0:  # no structure differs from the typical one, so any choice is as good
        return added + [index for index in range(len(scores)) if index not in reference][: count - len(added)]
    rest = [index for index in range(len(scores)) if index not in reference]
    numba.set_num_threads(1)  # the package's rule for shared cores; QUESTS would take all of them
    points = [np.ascontiguousarray(scores[index : index + 1]) for index in range(len(scores))]
    picks = msc_conditional(
        [points[index] for index in rest],
        np.zeros(len(rest)),
        count - len(added),
        [points[index] for index in reference],
        h=bandwidth,
    )
    return added + [rest[int(pick)] for pick in picks]


SELECTORS: dict[SelectionMethod, Selector] = {
    SelectionMethod.RANDOM: random_choice,
    SelectionMethod.KMEDOIDS: medoids,
    SelectionMethod.FPS: farthest_points,
    SelectionMethod.ENTROPY: most_informative,
    SelectionMethod.LOWEST_ENERGY: lowest,
}


def _most_central(scores: FloatArray) -> int:
    return int(np.argmin(np.linalg.norm(scores - scores.mean(axis=0), axis=1)))


def _distances(scores: FloatArray, to: Sequence[int]) -> FloatArray:
    """Distances of all structures to some of them; zero where nothing varies."""
    if scores.shape[1] == 0:
        return np.zeros((len(scores), len(to)))
    distances: FloatArray = cdist(scores, scores[list(to)])
    return distances


def _best_exchange(distances: FloatArray, found: list[int], fixed: int) -> list[int] | None:
    """The medoids after the best single exchange (never of the first `fixed`), or None if none lowers the cost."""
    best, better = distances[:, found].min(axis=1).sum() * (1 - 1e-12), None
    for position in range(fixed, len(found)):
        rest = found[:position] + found[position + 1 :]
        near = distances[:, rest].min(axis=1) if rest else np.full(len(distances), np.inf)
        costs = np.minimum(near[:, None], distances).sum(axis=0)
        costs[rest] = np.inf
        candidate = int(np.argmin(costs))
        if costs[candidate] < best:
            best, better = float(costs[candidate]), [*found[:position], candidate, *found[position + 1 :]]
    return better
