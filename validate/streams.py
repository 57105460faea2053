"""Random streams by name: the same seed and name give the same numbers, whatever else runs."""

from zlib import crc32

import numpy as np


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the generator of the stream `name`, for example ``calibration/validation/all/DLRN``.

    The stream depends on the seed and the name only, so adding a model or a centre leaves the
    numbers of the others as they were.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(crc32(name.encode("utf-8")),))
    return np.random.Generator(np.random.PCG64(sequence))
