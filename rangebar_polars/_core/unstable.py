"""The calls of Polars that are marked as unstable, without the warning that Polars gives of them.

The warning is for those who choose to make such a call. Users of this package do not, so under
``POLARS_WARN_UNSTABLE`` and warnings as errors only their own calls should count. Filters of
warnings are shared by all threads, so the functions are called below their decorator instead.
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
    """Return what a decorator is around, or the function itself where it has none."""
    return cast("_Function", getattr(function, "__wrapped__", function))


register_io_source = _unmarked(plugins.register_io_source)
_collect_batches = _unmarked(pl.LazyFrame.collect_batches)


def collect_batches(plan: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Return the rows of a plan, in order, batch by batch as the streaming engine makes them.

    Parameters
    ----------
    plan
        The plan. It begins to run when the first batch is asked for.
    """
    return _collect_batches(plan, maintain_order=True, lazy=True, engine="streaming")


def optimized_nodes(plan: pl.LazyFrame) -> Any:  # noqa: ANN401 - Polars has no type for it
    """Return what goes over the nodes of a plan as it will be run; None if Polars has none.

    Parameters
    ----------
    plan
        The plan, whose errors are left to its run.
    """
    try:
        return plan._ldf.visit()  # noqa: SLF001
    except (pl.exceptions.PolarsError, AttributeError, NotImplementedError):
        return None


_LOCK: Final = threading.Lock()


@contextmanager
def unwarned() -> Iterator[None]:
    """Make calls whose unstable part is an argument, of which Polars warns deep inside.

    Filters of warnings change for the time of the calls only where Polars was asked to warn.
    """
    if not os.environ.get("POLARS_WARN_UNSTABLE"):
        yield
        return
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore", pl.exceptions.UnstableWarning)
        yield
