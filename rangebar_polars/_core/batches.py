"""The rows of a plan, batch by batch, with a check that none is missing.

If a plan panics, or a Python function in it raises StopIteration, Polars ends the iteration over
its batches without an error, and the rows so far look like all rows. So one row is appended to the
plan. It arrives only if the plan has run to its end.
"""

from collections.abc import Iterator
from typing import Final

import polars as pl

from rangebar_polars._core.caller import warn_caller
from rangebar_polars._core.plan_order import order_warning
from rangebar_polars._core.unstable import collect_batches
from rangebar_polars._forks import use_threads

_END: Final = "rangebar end"


def batches(plan: pl.LazyFrame, schema: pl.Schema) -> Iterator[pl.DataFrame]:
    """Yield the rows of a plan, in order, as the streaming engine makes them.

    Parameters
    ----------
    plan
        The plan.
    schema
        Its schema.

    Yields
    ------
    DataFrame
        The next rows, at least one.

    Warns
    -----
    RangeBarWarning
        The plan has a node that does not preserve the order of rows, and no later sort.

    Raises
    ------
    polars.exceptions.ComputeError
        The plan ended early. The rows so far have been yielded.
    """
    use_threads()
    if warning := order_warning(plan):
        warn_caller(warning)
    end = _END
    while end in schema:
        end += "'"
    nulls = [pl.Series(name, [None], dtype) for name, dtype in schema.items()]
    last = pl.DataFrame([*nulls, pl.Series(end, [True])])
    marked = pl.concat([plan.with_columns(pl.lit(value=False).alias(end)), last.lazy()])
    count = 0
    for batch in collect_batches(marked):
        is_end = batch.height > 0 and batch.item(-1, end)
        # Without running a plan, as drop() does, for each batch.
        batch.drop_in_place(end)
        rows = batch[: batch.height - is_end]
        count += rows.height
        del batch  # frees it before the next batch is computed
        if rows.height > 0:
            yield rows
        del rows
        if is_end:
            return
    raise pl.exceptions.ComputeError(
        f"the plan of the trades ended early, after {count} rows, and Polars does not say why "
        "(run plan.collect() to see the error)"
    )
