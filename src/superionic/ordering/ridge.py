"""Ridge regression with the leave-one-out choice of its strength, and k-fold cross validation."""

from dataclasses import dataclass

import numpy as np

from superionic.ordering.lattices import FloatArray, IntArray

STRENGTHS = np.logspace(-12, 1, 27)
"""Ridge strengths that are tried, per training value and in units of the variance of a feature."""
RANK_TOLERANCE = 1e-7


@dataclass(frozen=True, eq=False)
class RidgeFit:
    """A linear model ``constant + features @ coefficients``.

    Attributes
    ----------
    constant : float
        Constant, in the unit of the target.
    coefficients : ndarray, shape (n_features,)
        Coefficients; 0 for features that do not vary in the data.
    strength : float
        Chosen ridge strength, in units of the variance of a feature times the number of values.
    """

    constant: float
    coefficients: FloatArray
    strength: float

    def predict(self, features: FloatArray) -> FloatArray:
        """Values of the model for features of shape (n, n_features)."""
        values: FloatArray = features @ self.coefficients + self.constant
        return values


def fit_ridge(features: FloatArray, target: FloatArray) -> RidgeFit:
    """Fit standardised features; the strength has the smallest leave-one-out error.

    A. E. Hoerl and R. W. Kennard, Technometrics 12, 55 (1970); leave-one-out residuals
    ``r_i / (1 - H_ii)`` from the hat matrix H: D. M. Allen, Technometrics 16, 125 (1974).

    Parameters
    ----------
    features : ndarray, shape (n, n_features)
        Features.
    target : ndarray, shape (n,)
        Values.
    """
    centre, scale = features.mean(axis=0), features.std(axis=0)
    used = scale > RANK_TOLERANCE
    scaled = (features[:, used] - centre[used]) / scale[used]
    left, singular, right = np.linalg.svd(scaled, full_matrices=False)
    deviation = target - target.mean()
    projected = left.T @ deviation
    best, strength = np.inf, float(STRENGTHS[0])
    for trial in STRENGTHS:
        shrink = singular**2 / (singular**2 + trial * len(target))
        leverage = np.sum(left**2 * shrink, axis=1) + 1.0 / len(target)
        residuals = (deviation - left @ (shrink * projected)) / np.maximum(1.0 - leverage, RANK_TOLERANCE)
        if (error := float(np.mean(residuals**2))) < best:
            best, strength = error, float(trial)
    coefficients = np.zeros(features.shape[1])
    damped = singular / (singular**2 + strength * len(target))
    coefficients[used] = (right.T @ (damped * projected)) / scale[used]
    return RidgeFit(float(target.mean() - centre @ coefficients), coefficients, strength)


def cross_validate(features: FloatArray, target: FloatArray, groups: IntArray, n_folds: int, seed: int) -> FloatArray:
    """Predict every value by a fit that has not seen it nor any other of its group.

    Parameters
    ----------
    features : ndarray, shape (n, n_features)
        Features.
    target : ndarray, shape (n,)
        Values.
    groups : ndarray of int, shape (n,)
        Values of one group (equal features) are left out together.
    n_folds : int
        Number of folds; at most one per group.
    seed : int
        Seed of the distribution of groups over folds.

    Returns
    -------
    ndarray, shape (n,)
        Predictions; the strength of the ridge is chosen anew in every fold.
    """
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    predicted = np.zeros(len(target))
    for fold in range(min(n_folds, len(names))):
        left_out = np.isin(groups, names[fold::n_folds])
        predicted[left_out] = fit_ridge(features[~left_out], target[~left_out]).predict(features[left_out])
    return predicted


def centred_rank(*blocks: FloatArray) -> int:
    """Dimension of the space that rows span around the mean of the first block.

    Parameters
    ----------
    *blocks : ndarray, shape (n, n_features)
        Rows; all blocks together give the space, features are scaled by their spread.
    """
    rows = np.concatenate(blocks) - blocks[0].mean(axis=0)
    spread = np.sqrt(np.mean(rows**2, axis=0))
    scaled = rows[:, spread > RANK_TOLERANCE] / spread[spread > RANK_TOLERANCE]
    return int(np.linalg.matrix_rank(scaled, tol=RANK_TOLERANCE * max(scaled.shape) ** 0.5)) if scaled.size else 0
