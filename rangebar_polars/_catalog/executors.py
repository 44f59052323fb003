"""Executors of the caller for `populate`: threads, processes, or the workers of a cluster.

No engine is a dependency: an executor is known by its `submit`, and a Dask client only if Dask was
imported before.
"""

import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol, SupportsIndex

from rangebar_polars._catalog.chains import chains_of, stored_chains
from rangebar_polars._catalog.fill import Counts, FillRequest, Outcome, attempt, describe
from rangebar_polars._core.arguments import check_count
from rangebar_polars._disk.cache_root import CacheRoot
from rangebar_polars._objects.address import ObjectAddress
from rangebar_polars.errors import RangeBarError
from rangebar_polars.store import BarStore, ParquetStore

IN_FLIGHT: Final = 256
"""The most symbols that are submitted to the caller's executor and not yet done."""
DASK_OPTIONS: Final = {"pure": False, "retries": 2}
"""Dask runs each unit although it ran an equal one before, and again if it fails on its own."""


class Submits(Protocol):
    """A `concurrent.futures.Executor`, or what has a `submit` like it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Any:  # noqa: ANN401 - any future
        """Run a function elsewhere, and return a future of its result."""


@dataclass
class OwnExecutor:
    """The caller's executor, which is not shut down."""

    executor: Submits
    size: int = IN_FLIGHT
    attempts: int = 1
    _futures: "dict[int, Future[Outcome]]" = field(default_factory=dict)

    @classmethod
    def check(cls, executor: Submits) -> "OwnExecutor":
        """Return the pool of an executor, or of a Dask client.

        Raises
        ------
        TypeError, ValueError
            It is neither, or a client whose event loop this call would block.
        """
        if _is_dask_client(executor):
            client: Any = executor
            if client.asynchronous:
                raise ValueError(
                    "executor is a Dask client with asynchronous=True, whose event loop would "
                    "wait for this call (give Client(address), without asynchronous)"
                )
            return cls(client.get_executor(**DASK_OPTIONS))
        is_class = isinstance(executor, type)
        if is_class or not callable(getattr(executor, "submit", None)):
            remedy = ", not the class of one" if is_class else ""
            raise TypeError(
                f"executor is {executor!r} (give a concurrent.futures.Executor or a Dask client"
                f"{remedy})"
            )
        return cls(executor)

    def submit(self, request: bytes, number: int) -> "Future[Outcome]":
        """Submit a symbol."""
        self._futures = {at: each for at, each in self._futures.items() if not each.done()}
        future = self.executor.submit(attempt, request)
        if not isinstance(future, Future):
            raise TypeError(
                f"submit of the executor returned a {type(future).__name__} (give an executor "
                "whose submit returns a concurrent.futures.Future)"
            )
        self._futures[number] = future
        return future

    def counts(self) -> Iterable[tuple[int, Counts]]:
        """Return nothing, because there is no pipe to the workers."""
        return ()

    def checked(self, request: FillRequest, outcome: Outcome) -> Outcome:
        """Return an outcome, or a failure if the store of the worker is not that of the caller.

        A URL means the same to all. A folder may be one of the worker's own disk.
        """
        folder = Path(request.store)
        if not folder.is_absolute():
            return outcome
        store = ParquetStore(folder)
        months = sorted({day.replace(day=1) for day in request.days})
        try:
            keys = chains_of(request.series, request.days[0], request.options)
            keys = stored_chains(store, keys, request.days[0])
            rows = zip(keys, outcome.rows or (), strict=False)
            stored = [key for key, row in rows if row["trades"]]
            if all(any(store.find(key, [month]) for month in months) for key in stored):
                return outcome
        except RangeBarError as error:
            return replace(outcome, rows=None, error=describe(error))
        why = (
            f"its worker stored bars that are not in {folder} of the caller (give a store that "
            "means the same to all: a URL or a shared folder)"
        )
        return replace(outcome, rows=None, error=why)

    def describe(self, error: BaseException) -> str:
        """Return why a symbol failed."""
        if isinstance(error, CancelledError):
            return "the executor cancelled it (did its scheduler or its workers end?)"
        return describe(error)

    def end(self) -> None:
        """Cancel symbols that have not begun."""
        for future in self._futures.values():
            future.cancel()


def _is_dask_client(executor: object) -> bool:
    """Return whether it is a Dask client, whose own futures are not standard ones."""
    client = getattr(sys.modules.get("distributed"), "Client", None)
    return isinstance(client, type) and isinstance(executor, client)


def check_processes(processes: SupportsIndex | None) -> int:
    """Return how many symbols may be filled at once by processes of this machine.

    Raises
    ------
    TypeError, ValueError
        It is not a whole number of at least 1.
    """
    cores = os.cpu_count() or 1
    return max(1, cores // 2) if processes is None else check_count(processes, "processes")


def check_executor(
    executor: Submits,
    processes: SupportsIndex | None,
    store: BarStore | str | os.PathLike[str] | None,
    root: CacheRoot,
) -> OwnExecutor:
    """Return the pool of the caller's executor.

    Raises
    ------
    TypeError, ValueError
        It is no executor, or another argument contradicts it.
    """
    own = OwnExecutor.check(executor)
    if processes is not None:
        raise ValueError(
            f"processes is {processes!r} although an executor is given (give one of them)"
        )
    # Bars beside trades in a bucket are where all find them.
    if store is None and not isinstance(root, ObjectAddress):
        raise ValueError(
            "store is None although an executor is given, whose machines may have caches of their "
            "own (give a store that means the same to all: a URL or a shared folder)"
        )
    return own
