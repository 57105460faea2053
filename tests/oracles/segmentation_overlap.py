"""Overlap and surface distances over all pairs of voxels; shares no code with stats."""

from itertools import product

import numpy as np


def surface(mask):
    """Return the voxels of a mask, as index tuples, that have a face neighbour outside it."""
    inside = {tuple(i) for i in np.argwhere(mask).tolist()}

    def neighbours(voxel):
        for axis, step in product(range(len(voxel)), (-1, 1)):
            yield (*voxel[:axis], voxel[axis] + step, *voxel[axis + 1 :])

    return [v for v in sorted(inside) if any(n not in inside for n in neighbours(v))]


def distances(a, b, spacing):
    """Return, for every surface voxel of a, the distance to the nearest one of b."""
    return [
        min(
            sum(((x - y) * s) ** 2 for x, y, s in zip(p, q, spacing, strict=True)) ** 0.5
            for q in surface(b)
        )
        for p in surface(a)
    ]


def overlap(a, b, spacing, tolerance):
    """Return dice, jaccard, hausdorff, hausdorff 95, mean surface distance, surface dice."""
    both, either = np.logical_and(a, b).sum(), np.logical_or(a, b).sum()
    there, back = distances(a, b, spacing), distances(b, a, spacing)
    every = there + back
    return (
        2 * both / (both + either),
        both / either,
        max(every),
        max(np.quantile(there, 0.95), np.quantile(back, 0.95)),
        np.mean(every),
        np.mean([d <= tolerance for d in every]),
    )
