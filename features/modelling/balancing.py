"""SMOTE: synthetic patients of the rarer outcome, for the rows a classifier is fitted on alone.

Nothing here is an estimator with a `fit` of its own: `TunedClassifier` calls `balance` on the
scaled rows of a training fold, so that no synthetic patient can reach the rows it is judged on.
"""

import numpy as np

from extval.stats._checks import BoolArray, FloatArray

SMOTE_NEIGHBORS = 5


def neighbors_available(n_minority: int) -> int:
    """Return how many nearest neighbours SMOTE can draw from: 5, or the minority less one.

    Parameters
    ----------
    n_minority : int, at least 2
        Patients with the rarer outcome among the rows to balance.

    Raises
    ------
    ValueError
        If there are fewer than two, between whom nothing can be interpolated.
    """
    if n_minority < 2:
        raise ValueError(
            f"SMOTE interpolates between patients with the rarer outcome, and {n_minority} of them "
            "is in the rows to fit on; it needs at least 2 in every training fold. Use the "
            "classifier without SMOTE."
        )
    return min(SMOTE_NEIGHBORS, n_minority - 1)


def balance(
    x: FloatArray, is_event: BoolArray, *, random_state: int
) -> tuple[FloatArray, BoolArray]:
    """Add synthetic patients of the rarer outcome until both outcomes are equally frequent.

    Parameters
    ----------
    x : ndarray of shape (n, p)
        Features, already scaled: neighbours are found by Euclidean distance.
    is_event : ndarray of bool, shape (n,)
        Outcome.
    random_state : int
        Seed.

    Returns
    -------
    x : ndarray of shape (n + added, p)
        The rows as given, then the synthetic ones.
    is_event : ndarray of bool, shape (n + added,)

    Raises
    ------
    ValueError
        If the rarer outcome has fewer than two patients, or imbalanced-learn is not installed.

    Notes
    -----
    Each synthetic patient lies between a patient and one of the k nearest of the same outcome
    [1]_; k is 5, or one less than the patients there are. Done by imbalanced-learn's ``SMOTE``.

    References
    ----------
    .. [1] Chawla et al. (2002), J Artif Intell Res 16:321. :doi:`10.1613/jair.953`
    """
    events = int(np.count_nonzero(is_event))
    n_minority = min(events, is_event.size - events)
    k = neighbors_available(n_minority)
    if 2 * events == is_event.size:
        return x, is_event
    try:
        # Optional, and slow to import.
        from imblearn.over_sampling import SMOTE  # type: ignore[import-untyped]  # noqa: PLC0415
    except ImportError as error:
        raise ValueError(
            "SMOTE needs the package imbalanced-learn, which is not installed. Install it, or use "
            "the classifiers without SMOTE."
        ) from error
    rows, labels = SMOTE(k_neighbors=k, random_state=random_state).fit_resample(
        x, is_event.astype(np.int64)
    )
    return np.asarray(rows, dtype=np.float64), np.asarray(labels) == 1
