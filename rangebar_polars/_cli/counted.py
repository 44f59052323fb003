"""A plan whose rows are counted when it runs."""

from collections.abc import Callable, Iterator

import polars as pl
import polars.selectors as cs

from rangebar_polars._core.batches import batches
from rangebar_polars._core.lazy_source import lazy_source


def counted(rows: pl.LazyFrame, show: Callable[[int], None]) -> pl.LazyFrame:
    """Return a plan with the same rows that reports how many were read, when it runs."""

    def frames(wanted: list[str] | None, _: pl.Expr | None) -> Iterator[pl.DataFrame]:
        plan, count = rows if wanted is None else rows.select(cs.by_name(*wanted)), 0
        for batch in batches(plan, plan.collect_schema()):
            count += batch.height
            show(count)
            yield batch

    return lazy_source(frames, rows.collect_schema())
