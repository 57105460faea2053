"""NIfTI headers, read before ITK reads the file.

ITK completes broken NIfTI files without a word: a truncated one gives made-up voxels, a spacing of
0 becomes 1, NaN becomes 0. And a header can say twice, as qform and as sform, where the image lies.
"""

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.features.errors import CaseError

_NIFTI_HEADER = 348
_NIFTI2_HEADER = 540
_NIFTI_FLOATS = {16: 4, 64: 8}  # datatype code: bytes


def check(path: Path, kind: str) -> None:
    """Refuse a NIfTI file that ITK would silently complete; other files pass."""
    if not _is_nifti(path):
        return
    try:
        raw = path.read_bytes()
        data = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        what = error.strerror if isinstance(error, OSError) and error.strerror else "truncated"
        raise CaseError(
            "unreadable", f"the {kind} {path.name} cannot be read: it is {what.lower()}."
        ) from error
    layout = _nifti_layout(data)
    if layout is None:
        raise CaseError("unreadable", f"the {kind} {path.name} is not a NIfTI file.")
    if len(data) < layout.needed:
        raise CaseError(
            "truncated",
            f"the {kind} {path.name} is truncated: it holds {len(data)} of {layout.needed} bytes.",
        )
    if not all(np.isfinite(step) and step > 0 for step in layout.spacing):
        shown = ", ".join(f"{step:g}" for step in layout.spacing)
        raise CaseError("bad-spacing", f"the {kind} {path.name} has the spacing ({shown}) mm.")
    if layout.dtype is not None:
        count = int(np.prod(layout.shape))
        values = np.frombuffer(data, layout.dtype, count=count, offset=layout.offset)
        check_finite(values.reshape(layout.shape[::-1]), kind)


def check_finite(voxels: NDArray[Any], kind: str) -> None:
    """Refuse voxels that are NaN or infinite, naming their count and the first index."""
    if not np.issubdtype(voxels.dtype, np.floating):
        return
    finite = np.isfinite(voxels)
    if not finite.all():
        count = int(voxels.size - finite.sum())
        first = tuple(int(index) for index in np.argwhere(~finite)[0])[::-1]
        raise CaseError(
            "non-finite-voxels",
            f"{count} of {voxels.size} voxels of the {kind} are NaN or infinite, first at index "
            f"{first}. Mend the {kind}; no value is made up for them.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _NiftiLayout:
    """What a NIfTI header promises; `dtype` is None unless the voxels are floats."""

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    offset: int
    needed: int
    dtype: np.dtype[Any] | None


def _nifti_layout(data: bytes) -> _NiftiLayout | None:
    """Return what the header of a NIfTI-1 or -2 file says, or None where there is none."""
    for order in "<>":
        if len(data) >= _NIFTI_HEADER and data[:4] == struct.pack(order + "i", _NIFTI_HEADER):
            dim = struct.unpack_from(order + "8h", data, 40)
            kind, bits = struct.unpack_from(order + "2h", data, 70)
            pixdim = struct.unpack_from(order + "8f", data, 76)
            offset = struct.unpack_from(order + "f", data, 108)[0]
        elif len(data) >= _NIFTI2_HEADER and data[:4] == struct.pack(order + "i", _NIFTI2_HEADER):
            kind, bits = struct.unpack_from(order + "2h", data, 12)
            dim = struct.unpack_from(order + "8q", data, 16)
            pixdim = struct.unpack_from(order + "8d", data, 104)
            offset = struct.unpack_from(order + "q", data, 168)[0]
        else:
            continue
        if not 1 <= dim[0] <= 7 or not np.isfinite(offset):
            return None
        shape = tuple(max(int(n), 0) for n in dim[1 : dim[0] + 1])
        width = _NIFTI_FLOATS.get(kind)
        return _NiftiLayout(
            shape=shape,
            spacing=tuple(abs(step) for step in pixdim[1 : min(dim[0], 3) + 1]),
            offset=int(offset),
            needed=int(offset) + math.prod(shape) * bits // 8,
            dtype=np.dtype(f"{order}f{width}") if width else None,
        )
    return None


def orientation_gap(path: Path) -> float:
    """Return how far apart qform and sform place the corners of a NIfTI image, in mm.

    It is 0 when the header states only one of them, and for other files.
    """
    if not _is_nifti(path):
        return 0.0
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as source:
        data = source.read(_NIFTI_HEADER)
    for order in "<>":
        if data[:4] != struct.pack(order + "i", _NIFTI_HEADER):
            continue
        if min(struct.unpack_from(order + "2h", data, 252)) <= 0:
            return 0.0
        dim = struct.unpack_from(order + "8h", data, 40)
        step = np.array(struct.unpack_from(order + "8f", data, 76))
        quaternion = np.array(struct.unpack_from(order + "3f", data, 256), dtype=np.float64)
        offset = np.array(struct.unpack_from(order + "3f", data, 268))
        rows = np.array(struct.unpack_from(order + "12f", data, 280)).reshape(3, 4)
        turned = _rotation(quaternion) * step[1:4] * [1, 1, -1 if step[0] < 0 else 1]
        corners = np.array(list(product(*((0, max(n - 1, 0)) for n in dim[1:4]))), dtype=float)
        by_qform = corners @ turned.T + offset
        by_sform = corners @ rows[:, :3].T + rows[:, 3]
        return float(np.linalg.norm(by_qform - by_sform, axis=1).max())
    return 0.0


def _rotation(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation of a unit quaternion given by its last three parts."""
    b, c, d = quaternion
    a = math.sqrt(max(1.0 - float(quaternion @ quaternion), 0.0))
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )


def _is_nifti(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith((".nii", ".nii.gz"))
