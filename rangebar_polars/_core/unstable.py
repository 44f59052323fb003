"""Calls of Polars that are marked as unstable, without the warnings that they raise.

These warnings are for authors of such calls. Users of this package do not make them, so with
``POLARS_WARN_UNSTABLE`` they should see only warnings of their own calls. Warning filters are
shared by all threads, so the undecorated functions are called instead.
"""

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast

import polars as pl
from polars.io import plugins

_Function = TypeVar("_Function", bound=Callable[..., object])


def _unmarked(function: _Function) -> _Function:
    """Return the function inside a decorator, or the function itself if it has none."""
    return cast("_Function", getattr(function, "__wrapped__", function))


register_io_source = _unmarked(plugins.register_io_source)
_collect_batches = _unmarked(pl.LazyFrame.collect_batches)


def collect_batches(plan: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Return the rows of a plan, in order, batch by batch as the streaming engine computes them.

    Parameters
    ----------
    plan
        The plan. It starts to run when the first batch is requested.
    """
    return _collect_batches(plan, maintain_order=True, lazy=True, engine="streaming")


def optimized_nodes(plan: pl.LazyFrame) -> Any:  # noqa: ANN401 - Polars has no type for it
    """Return a visitor of the nodes of the optimized plan; None if Polars has none.

    Parameters
    ----------
    plan
        The plan. Its errors are raised when it runs, and not here.
    """
    try:
        return plan._ldf.visit()  # noqa: SLF001
    except (pl.exceptions.PolarsError, AttributeError, NotImplementedError):
        return None


_LOCK: Final = threading.Lock()


@contextmanager
def unwarned() -> Iterator[None]:
    """Silence the warnings about unstable arguments, which Polars raises deep inside a call.

    Warning filters are changed during the calls, and only if Polars is set to warn.
    """
    if not os.environ.get("POLARS_WARN_UNSTABLE"):
        yield
        return
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore", pl.exceptions.UnstableWarning)
        yield
