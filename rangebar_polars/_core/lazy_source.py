"""A LazyFrame whose rows come from Python; no other module uses Polars' source interface."""

from collections.abc import Callable, Iterator

import polars as pl
import polars.selectors as cs

from rangebar_polars._core.conditions import computable
from rangebar_polars._core.unstable import register_io_source
from rangebar_polars._forks import check_threads

Frames = Callable[[list[str] | None, pl.Expr | None], Iterator[pl.DataFrame]]
"""Yields frames with at least the wanted columns.

The arguments are the wanted columns (None: all, in the order of the schema) and the filter of the
rows. The filter may be used to leave out rows that do not match; it need not be applied.
"""


def lazy_source(frames: Frames, schema: pl.Schema | Callable[[], pl.Schema]) -> pl.LazyFrame:
    """Return a plan over frames that are computed when it runs.

    Parameters
    ----------
    frames
        Is called for each run.
    schema
        The schema of the frames with all columns, or a function that returns it.

    Raises
    ------
    RangeBarError
        This process was forked after Polars had started its threads.
    """
    check_threads()

    def generate(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,  # noqa: ARG001 - frames come as they are made
    ) -> Iterator[pl.DataFrame]:
        predicate = None if predicate is None else computable(predicate)
        if with_columns is not None and not with_columns:
            # Rows are counted or numbered. A frame needs a column to have rows.
            with_columns = [*(schema() if callable(schema) else schema)][:1]
        wanted = with_columns
        if with_columns is not None and predicate is not None:
            wanted = list(dict.fromkeys([*with_columns, *predicate.meta.root_names()]))
        for made in frames(wanted, predicate if n_rows is None else None):
            # Where Polars pushes both down, the rows were counted before they were filtered.
            rows = made if n_rows is None else made.head(n_rows)
            n_rows = None if n_rows is None else n_rows - rows.height
            rows = rows if predicate is None else rows.filter(predicate)
            yield rows if with_columns is None else rows.select(cs.by_name(*with_columns))
            if n_rows == 0:
                return

    return register_io_source(generate, schema=schema)
