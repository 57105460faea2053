"""Posterior draws of the regressions inside chained equations."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_RIDGE = 1e-5  # share of its diagonal added to a cross-product matrix, as in mice
_MAX_ITERATIONS = 100


def design_matrix(
    scaled: FloatArray, codes: FloatArray, levels: Sequence[FloatArray], target: int
) -> FloatArray:
    """Return intercept and terms of all columns but `target`: scaled values, or indicators."""
    terms = [np.ones((len(scaled), 1))]
    for j, known in enumerate(levels):
        if j == target:
            continue
        if known.size:
            terms.append((codes[:, j, None] == known[1:]).astype(np.float64))
        else:
            terms.append(scaled[:, j, None])
    return np.hstack(terms)


def draw_line(
    design: FloatArray, y: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, float]:
    """Draw coefficients, (terms,), and residual sd of a linear regression from their posterior."""
    n, p = design.shape
    gram = design.T @ design
    gram += np.diag(_RIDGE * np.diag(gram) + np.where(np.diag(gram) == 0, 1.0, 0.0))
    factor = np.linalg.cholesky(gram)
    estimate = np.linalg.solve(gram, design.T @ y)
    squares = float(((y - design @ estimate) ** 2).sum())
    sd = float(np.sqrt(squares / rng.chisquare(max(n - p, 1))))
    step = np.linalg.solve(factor.T, rng.standard_normal(p))
    return estimate + sd * step, sd


def draw_category_coefficients(
    design: FloatArray, codes: IntArray, n_levels: int, rng: np.random.Generator
) -> FloatArray:
    """Draw coefficients, (terms, levels - 1), of a multinomial regression from their posterior.

    The first level is the reference; with one level there is nothing to draw.
    """
    if n_levels < 2:
        return np.empty((design.shape[1], 0))
    rows, targets, weights = _augmented(design, codes, n_levels)
    estimate, information = _maximum(rows, targets, weights)
    # ravel() runs over levels within terms, as the information does.
    factor = np.linalg.cholesky(information)
    step = np.linalg.solve(factor.T, rng.standard_normal(estimate.size))
    return estimate + step.reshape(estimate.shape)


def draw_categories(
    design: FloatArray, coefficients: FloatArray, rng: np.random.Generator
) -> IntArray:
    """Draw the level of every row of `design` by its probabilities."""
    p = np.exp(_log_probabilities(design, coefficients))
    edges = np.cumsum(p, axis=1)[:, :-1]
    return np.asarray((rng.random((len(design), 1)) > edges).sum(axis=1), dtype=np.intp)


def _log_probabilities(design: FloatArray, coefficients: FloatArray) -> FloatArray:
    scores = np.hstack([np.zeros((len(design), 1)), design @ coefficients])
    return np.asarray(log_softmax(scores, axis=1))


def _augmented(
    design: FloatArray, codes: IntArray, n_levels: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Add pseudo-observations so that a maximum exists (White, Daniel & Royston).

    For every term and level, one row half a standard deviation above and one below the mean of
    that term, the others at their means; together they weigh as much as there are terms.
    """
    n, p = design.shape
    targets = np.eye(n_levels)[codes]
    if p == 1 or n == 0:
        return design, targets, np.ones(n)
    middle, spread = design.mean(axis=0), design.std(axis=0)
    offsets = 0.5 * np.where(spread > 0, spread, 1.0)
    shifts = np.vstack([np.diag(offsets)[1:], -np.diag(offsets)[1:]])
    pseudo = np.repeat(middle + shifts, n_levels, axis=0)
    labels = np.tile(np.eye(n_levels), (len(shifts), 1))
    weights = np.concatenate([np.ones(n), np.full(len(pseudo), p / len(pseudo))])
    return np.vstack([design, pseudo]), np.vstack([targets, labels]), weights


def _maximum(
    design: FloatArray, targets: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the maximum-likelihood coefficients and their information, by Newton's method."""
    n_free = targets.shape[1] - 1
    p = design.shape[1]
    beta = np.zeros((p, n_free))
    log_p = _log_probabilities(design, beta)
    height = float(weights @ (targets * log_p).sum(axis=1))
    information = np.eye(p * n_free)
    for _ in range(_MAX_ITERATIONS):
        chance = np.exp(log_p[:, 1:])
        score = design.T @ (weights[:, None] * (targets[:, 1:] - chance))
        information = _information(design, chance, weights)
        step = np.linalg.solve(information, score.ravel())
        gain = float(step @ score.ravel())
        if gain < 1e-12:
            break
        size = 1.0
        while size > 1e-8:
            trial = beta + size * step.reshape(beta.shape)
            log_p = _log_probabilities(design, trial)
            reached = float(weights @ (targets * log_p).sum(axis=1))
            if reached >= height:
                break
            size /= 2
        beta, height = trial, reached
    return beta, information


def _information(design: FloatArray, chance: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the information of the coefficients, levels running within terms."""
    p, n_free = design.shape[1], chance.shape[1]
    blocks = np.empty((p, n_free, p, n_free))
    for k in range(n_free):
        for other in range(k, n_free):
            spread = weights * chance[:, k] * (float(k == other) - chance[:, other])
            block = (design * spread[:, None]).T @ design
            blocks[:, k, :, other] = block
            blocks[:, other, :, k] = block
    return blocks.reshape(p * n_free, p * n_free)
