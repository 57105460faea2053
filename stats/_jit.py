"""The one place that decides how kernels are compiled and where they are cached."""

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


HERE = Path(__file__).resolve().parent


def _sources(folder: Path) -> str:
    """Return a hash of all kernels that a kernel in `folder` may call: its own and ours.

    numba compiles a cached kernel again when its own file changes, but not when a kernel that it
    calls in another file does; so every state of the sources has a folder of its own.
    """
    digest = hashlib.sha256()
    files = sorted(HERE.glob("_*.py"))
    if folder != HERE:
        files += sorted(folder.glob("_kernels_*.py"))
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def cache_folder(folder: Path = HERE) -> Path | None:
    """Return the writable folder for the compiled kernels of `folder`, or None if there is none."""
    root = os.environ.get("NUMBA_CACHE_DIR")
    if root is None:
        base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
        root = str((Path(base) if base else Path.home() / ".cache") / "extval" / "kernels")
    cached = Path(root) / _sources(folder)
    try:
        cached.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return cached if os.access(cached, os.W_OK) else None


_config: Any = numba.config


def kernel(func: F) -> F:
    """Compile `func` serially with IEEE semantics and cache it in the user's cache folder.

    No fastmath and no parallel loops: sums must not depend on the number of threads. The cache
    folder is set only while the decorator runs, so other packages keep theirs.
    """
    folder = cache_folder(Path(func.__code__.co_filename).resolve().parent)
    before = _config.CACHE_DIR
    _config.CACHE_DIR = str(folder) if folder else before
    try:
        compiled = numba.njit(cache=folder is not None, fastmath=False, parallel=False, nogil=True)(
            func
        )
    finally:
        _config.CACHE_DIR = before
    return cast(F, compiled)
