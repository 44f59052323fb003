"""Which files a filter rules out before any of them is read.

Only conditions of a known form are used; any other rules out no file, so pruning never loses a row.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from operator import eq, ge, gt, le, lt
from typing import Any, Final, Literal, TypeVar

import polars as pl

from rangebar_polars._core.conditions import implied

Item = TypeVar("Item")
Compare = Callable[[Any, Any], Any]
Span = tuple[dt.datetime | None, dt.datetime | None]
"""The earliest and the latest time of a column in a file; None if unknown."""

_TIME: Final = pl.Datetime("us", "UTC")
_MIRRORED: Final[dict[Compare, Compare]] = {lt: gt, le: ge, gt: lt, ge: le, eq: eq}
_CLOSED: Final[tuple[Literal["both", "left", "right", "none"], ...]] = (
    "both",
    "left",
    "right",
    "none",
)


def conjuncts(predicate: pl.Expr | None) -> Iterator[pl.Expr]:
    """Yield the expressions that all must hold for a predicate to hold.

    >>> [str(each) for each in conjuncts((pl.col("a") == 1) & pl.col("b") & ~pl.col("c"))]
    ['[(col("a")) == (dyn int: 1)]', 'col("b")', 'col("c").not()']
    """
    if predicate is None:
        return
    match predicate.meta.pop():
        case [right, left] if (left & right).meta.eq(predicate):
            yield from conjuncts(left)
            yield from conjuncts(right)
        case _:
            yield predicate


def kept(items: Sequence[Item], keys: pl.DataFrame, predicate: pl.Expr | None) -> list[Item]:
    """Return the items that may have rows which pass a filter.

    Parameters
    ----------
    items
        Files, or groups of files.
    keys
        A row for each item: the columns that are the same in all of its rows.
    predicate
        The filter.
    """
    of_keys = implied(predicate, keys.columns)
    if of_keys is None:
        return list(items)
    passed = keys.select(of_keys.fill_null(value=False)).to_series()
    return list(compress(items, passed))


def may_hold(spans: Mapping[str, Span], predicate: pl.Expr | None) -> bool:
    """Return whether rows may pass a filter, given the span of times of each column.

    >>> span = dt.datetime(2024, 8, 8, tzinfo=dt.UTC), dt.datetime(2024, 8, 9, tzinfo=dt.UTC)
    >>> may_hold({"timestamp": span}, pl.col("timestamp") > span[0])
    True
    >>> may_hold({"timestamp": span}, pl.col("timestamp") > span[1])
    False
    """
    return all(
        _reaches(span, column, compare, constant)
        for each in conjuncts(predicate)
        for column, compare, constant in _comparisons(each)
        for name, span in spans.items()
        if _is_of(column, name) and not constant.meta.root_names()
    )


def _comparisons(conjunct: pl.Expr) -> Iterator[tuple[pl.Expr, Compare, pl.Expr]]:
    """Yield the comparisons that a conjunct implies, in both directions."""
    match conjunct.meta.pop():
        case [right, left]:
            for compare, mirrored in _MIRRORED.items():
                if compare(left, right).meta.eq(conjunct):
                    yield left, compare, right
                    yield right, mirrored, left
        case [upper, lower, column]:
            ranges = (column.is_between(lower, upper, closed) for closed in _CLOSED)
            if any(each.meta.eq(conjunct) for each in ranges):
                yield column, ge, lower
                yield column, le, upper


def _is_of(expression: pl.Expr, name: str) -> bool:
    """Return whether an expression is a column of times, plain or in the form that DuckDB sends."""
    column = pl.col(name)
    return any(form.meta.eq(expression) for form in (column, column.dt.cast_time_unit("us")))


def _reaches(span: Span, column: pl.Expr, compare: Compare, constant: pl.Expr) -> bool:
    """Return whether a comparison may hold; if it holds anywhere, it holds at one end."""
    if compare is eq:
        return _reaches(span, column, ge, constant) and _reaches(span, column, le, constant)
    earliest, latest = span
    end = latest if compare in {gt, ge} else earliest
    if end is None:
        return True
    times = pl.Series(column.meta.output_name(), [end], _TIME).to_frame()
    return bool(times.select(compare(column, constant).any()).item())
