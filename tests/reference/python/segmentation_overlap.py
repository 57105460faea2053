"""Write MONAI's overlap metrics: python segmentation_overlap.py > ../segmentation_overlap.json."""

import json
import sys

import monai
import numpy as np
import torch
from monai.metrics import (
    compute_average_surface_distance,
    compute_dice,
    compute_hausdorff_distance,
    compute_iou,
    compute_surface_dice,
)


def ellipsoid(shape, center, radii):
    grid = np.indices(shape)
    parts = zip(grid, center, radii, strict=True)
    return (sum(((axis - c) / r) ** 2 for axis, c, r in parts) <= 1).astype(int)


def case(name, a, b, spacing, tolerance):
    one_hot = [torch.as_tensor(x[None, None].astype(np.float32)) for x in (a, b)]
    same = {"include_background": True, "spacing": list(spacing)}
    return {
        "id": name,
        "a": a.tolist(),
        "b": b.tolist(),
        "spacing": spacing,
        "tolerance": tolerance,
        "dice": float(compute_dice(*one_hot)),
        "jaccard": float(compute_iou(*one_hot)),
        "hausdorff": float(compute_hausdorff_distance(*one_hot, **same)),
        "hausdorff_95": float(compute_hausdorff_distance(*one_hot, percentile=95, **same)),
        "directed_means": [
            float(compute_average_surface_distance(*pair, **same))
            for pair in (one_hot, one_hot[::-1])
        ],
        "surface_dice": float(compute_surface_dice(*one_hot, [tolerance], **same)),
    }


shape = (12, 14, 9)
rng = np.random.default_rng(20240416)
noisy = ellipsoid(shape, (6, 7, 4), (4, 5, 3)) ^ (rng.random(shape) < 0.03).astype(int)
cases = [
    case(
        "shifted",
        ellipsoid(shape, (6, 7, 4), (4, 5, 3)),
        ellipsoid(shape, (6.4, 7.7, 4), (4, 4, 3)),
        (1.0, 1.0, 3.0),
        1.0,
    ),
    case("noisy", ellipsoid(shape, (6, 7, 4), (4, 5, 3)), noisy, (0.8, 0.8, 2.5), 0.8),
    case(
        "disjoint",
        ellipsoid(shape, (3, 3, 2), (2, 2, 1)),
        ellipsoid(shape, (9, 10, 6), (2, 3, 2)),
        (1.0, 1.0, 1.0),
        2.0,
    ),
    case(
        "at-the-border",
        ellipsoid(shape, (0, 0, 0), (5, 6, 4)),
        ellipsoid(shape, (1, 0, 0), (5, 5, 5)),
        (1.0, 2.0, 3.0),
        2.0,
    ),
    case(
        "flat",
        ellipsoid((16, 16), (8, 8), (5, 4)),
        ellipsoid((16, 16), (8, 9), (4, 4)),
        (0.5, 0.7),
        0.5,
    ),
]
meta = {"monai": monai.__version__, "torch": torch.__version__}
json.dump({"meta": meta, "cases": cases}, sys.stdout, separators=(",", ":"))
