"""The one place that decides how kernels are compiled and where they are cached."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def _sources() -> str:
    """Return a hash of all kernels.

    numba compiles a cached kernel again when its own file changes, but not when a kernel that it
    calls in another file does; so every state of the sources has a folder of its own.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("_*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path | None:
    """Return the writable folder for compiled kernels, or None when there is none."""
    root = os.environ.get("NUMBA_CACHE_DIR")
    if root is None:
        base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
        root = str((Path(base) if base else Path.home() / ".cache") / "extval" / "kernels")
    folder = Path(root) / _sources()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


_FOLDER = cache_folder()
_config: Any = numba.config


def kernel(func: F) -> F:
    """Compile `func` serially with IEEE semantics and cache it in the user's cache folder.

    No fastmath and no parallel loops: sums must not depend on the number of threads. The cache
    folder is set only while the decorator runs, so other packages keep theirs.
    """
    before = _config.CACHE_DIR
    _config.CACHE_DIR = str(_FOLDER) if _FOLDER else before
    try:
        compiled = numba.njit(
            cache=_FOLDER is not None, fastmath=False, parallel=False, nogil=True
        )(func)
    finally:
        _config.CACHE_DIR = before
    return cast(F, compiled)
