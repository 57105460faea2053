"""Progress on stderr, for work that takes a while."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHOW_PROGRESS_AFTER_S = 1.0


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a watcher that draws a progress bar on stderr when the work takes a while."""
    started = time.monotonic()
    bar = None

    def watch(done: int, total: int) -> None:
        nonlocal bar
        if bar is None and (not done or time.monotonic() - started < SHOW_PROGRESS_AFTER_S):
            return
        if bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed} of {task.total}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            bar.start()
            bar.add_task(title, total=total)
        bar.update(bar.task_ids[0], completed=done)

    try:
        yield watch
    finally:
        if bar is not None:
            bar.stop()
