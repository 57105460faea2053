"""Work spread over processes or a dask cluster, one case at a time and none lost."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import joblib
from threadpoolctl import threadpool_limits

from extval.features.errors import FeatureInputError
from extval.features.images import single_threaded

Item = TypeVar("Item")
Result = TypeVar("Result")
Watch = Callable[[int, int], None]

IN_HAND = 2  # items handed out at once, per process


def run_each(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    n_jobs: int,
    lost: Callable[[Item], Result],
    watch: Watch | None = None,
    cluster: Any = None,
) -> list[Result]:
    """Return `work` of every item, in the order of `items`.

    Parameters
    ----------
    work : callable
        Must be picklable and must not raise for a bad item.
    n_jobs : int
        Processes; 1 works in this process.
    lost : callable
        Gives the result of an item that killed its process (out of memory, a crash in compiled
        code). The other items are finished.
    watch : callable, optional
        Called with the number done and the total.
    cluster : distributed.Client, optional
        Works there instead, see `on_cluster`.
    """
    results: dict[int, Result] = {}
    tell = watch or (lambda _done, _total: None)
    tell(0, len(items))
    with warnings.catch_warnings():
        # loky replaces a worker whose memory has grown after a large case, which is as it should
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        numbered = list(enumerate(items))
        if cluster is None:
            found = _in_processes(work, numbered, n_jobs, lost)
        else:
            found = _on_dask(cluster, work, numbered, lost)
        for index, result in found:
            results[index] = result
            tell(len(results), len(items))
    return [results[index] for index in range(len(items))]


@contextmanager
def on_cluster(address: str | None) -> Iterator[Any]:
    """Yield a client of a dask scheduler, for example ``tcp://host:8786``; None without address."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise FeatureInputError(
            f"dask cannot be imported ({error}). Install the extra `cluster`: pip install "
            "'extval[cluster]'."
        ) from error
    try:
        client = Client(address, timeout="10s", set_as_default=True)
    except (OSError, ValueError) as error:
        raise FeatureInputError(
            f"no dask scheduler answers at {address} ({error}). Start one, or leave --dask out."
        ) from error
    try:
        yield client
    finally:
        client.close()


def _in_processes(
    work: Callable[[Item], Result],
    numbered: list[tuple[int, Item]],
    n_jobs: int,
    lost: Callable[[Item], Result],
) -> Iterator[tuple[int, Result]]:
    from joblib.externals.loky.process_executor import (  # noqa: PLC0415 - as late as joblib
        TerminatedWorkerError,
    )

    waiting = dict(numbered)
    while waiting:
        with suppress(TerminatedWorkerError):
            yield from _taking_off(waiting, _spread(work, list(waiting.items()), n_jobs))
        # One of those in hand killed its process: each of them gets processes of its own.
        for index, item in list(waiting.items())[: IN_HAND * n_jobs]:
            try:
                yield from _taking_off(waiting, _spread(work, [(index, item)], 2))
            except TerminatedWorkerError:
                del waiting[index]
                yield index, lost(item)


def _on_dask(
    client: Any,
    work: Callable[[Item], Result],
    numbered: list[tuple[int, Item]],
    lost: Callable[[Item], Result],
) -> Iterator[tuple[int, Result]]:
    from distributed import KilledWorker, as_completed  # noqa: PLC0415 - an optional extra

    futures = {
        client.submit(_alone, work, index, item, pure=False): (index, item)
        for index, item in numbered
    }
    again = []  # what died with its worker, perhaps because of another item there
    for future in as_completed(list(futures)):
        try:
            yield future.result()
        except KilledWorker:
            again.append(futures[future])
    for index, item in again:
        try:
            yield client.submit(_alone, work, index, item, pure=False).result()
        except KilledWorker:
            yield index, lost(item)


def _taking_off(
    waiting: dict[int, Item], results: Iterator[tuple[int, Result]]
) -> Iterator[tuple[int, Result]]:
    for index, result in results:
        waiting.pop(index, None)
        yield index, result


def _spread(
    work: Callable[[Item], Result], numbered: list[tuple[int, Item]], n_jobs: int
) -> Iterator[tuple[int, Result]]:
    parallel = joblib.Parallel(
        n_jobs=n_jobs,
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch=f"{IN_HAND} * n_jobs",
    )
    done: Iterator[tuple[int, Result]] = parallel(
        joblib.delayed(_alone)(work, index, item) for index, item in numbered
    )
    return done


def _alone(work: Callable[[Any], Any], index: int, item: Any) -> tuple[int, Any]:
    """Run one item with one thread of BLAS, OpenMP and ITK."""
    single_threaded()
    with threadpool_limits(limits=1):
        return index, work(item)
