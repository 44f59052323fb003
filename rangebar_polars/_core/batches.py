"""The rows of a plan, batch by batch, and the proof that they are all of its rows.

Polars ends the iteration over the batches of a plan without an error where the plan panics, or
where a Python function in it raises StopIteration: the rows so far then look like all rows. So one
row is put after those of the plan. It arrives only when the plan has run to its end.
"""

from collections.abc import Iterator
from typing import Final

import polars as pl

from rangebar_polars._core.caller import warn_caller
from rangebar_polars._core.forks import use_threads
from rangebar_polars._core.plan_order import order_warning
from rangebar_polars._core.unstable import collect_batches

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
        The next rows, never none.

    Warns
    -----
    RangeBarWarning
        The plan holds a node that keeps no order, and nothing after it sorts.

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
        rows = batch.drop(end)[: batch.height - is_end]
        count += rows.height
        del batch  # or it would live on while the next one is made
        if rows.height > 0:
            yield rows
        del rows
        if is_end:
            return
    raise pl.exceptions.ComputeError(
        f"the plan of the trades ended early, after {count} rows, and Polars does not say why "
        "(run plan.collect() to see the error)"
    )
