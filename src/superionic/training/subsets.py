"""Nested parts of a training set, for learning curves and committees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from superionic.errors import InputError
from superionic.training.dataset import LabelledFrame


def nested_subset(frames: Sequence[LabelledFrame], fraction: float, seed: int) -> list[LabelledFrame]:
    """Part of the training set, for learning curves; a smaller fraction's subset is inside a larger one's.

    The frames of each parent are shuffled and the parents take turns, so that small subsets still hold all of them.

    Parameters
    ----------
    frames : sequence of LabelledFrame
        The training set.
    fraction : float
        Share to keep, in (0, 1].
    seed : int
        Seed of the order.

    Returns
    -------
    list of LabelledFrame
        At least one frame, in the order of ``frames``.

    Raises
    ------
    InputError
        If the fraction is outside (0, 1].
    """
    if not 0.0 < fraction <= 1.0:
        raise InputError(f"train_fraction is {fraction}; it must be above 0 and at most 1")
    return nested_frames(frames, max(1, round(fraction * len(frames))), seed)


def nested_frames(frames: Sequence[LabelledFrame], count: int, seed: int) -> list[LabelledFrame]:
    """As :func:`nested_subset`, by number of frames.

    Raises
    ------
    InputError
        If there are fewer frames than that.
    """
    if not 1 <= count <= len(frames):
        raise InputError(f"train_count is {count}; the training set has {len(frames)} structures")
    rng = np.random.default_rng(seed)
    by_parent: dict[str, list[int]] = defaultdict(list)
    for index in rng.permutation(len(frames)).tolist():
        by_parent[frames[index].parent_id].append(index)
    turns = {index: turn for members in by_parent.values() for turn, index in enumerate(members)}
    parent_rank = {parent: rank for rank, parent in enumerate(rng.permutation(sorted(by_parent)).tolist())}
    order = sorted(turns, key=lambda index: (turns[index], parent_rank[frames[index].parent_id]))
    return [frames[index] for index in sorted(order[:count])]
