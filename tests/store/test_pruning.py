"""What a filter says of files leaves out work and never a row."""

import datetime as dt
import operator

import hypothesis.strategies as st
import polars as pl
from hypothesis import given, settings

from rangebar_polars._pruning import may_hold

START = dt.datetime(2024, 8, 8, tzinfo=dt.UTC)
TIME = pl.col("time")
MOMENTS = st.integers(0, 6).map(lambda n: START + dt.timedelta(hours=n))
COMPARED = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq]


@st.composite
def comparisons(draw: st.DrawFn) -> pl.Expr:
    """Return a comparison of a time with constants, in a form that is recognised."""
    constant = pl.lit(draw(MOMENTS), pl.Datetime("us", "UTC"))
    time = draw(st.sampled_from([TIME, TIME.dt.cast_time_unit("us")]))
    if draw(st.integers(0, 3)) == 0:
        return time.is_between(constant, pl.lit(draw(MOMENTS)))
    operands = draw(st.permutations([time, constant]))
    compared: pl.Expr = draw(st.sampled_from(COMPARED))(*operands)
    return compared


@settings(deadline=None)
@given(st.lists(MOMENTS, min_size=1), comparisons())
def test_a_comparison_is_decided_by_the_ends_of_a_span(
    times: list[dt.datetime], compared: pl.Expr
) -> None:
    span = min(times), max(times)
    every = pl.datetime_range(*span, "1h", eager=True).alias("time").to_frame()

    passes = not every.filter(compared).is_empty()

    # A span does not say that an empty range lies between two moments of it.
    if passes or "is_between" not in str(compared):
        assert may_hold({"time": span}, compared) == passes


@settings(deadline=None)
@given(st.lists(MOMENTS, min_size=1), st.data())
def test_no_filter_of_times_loses_a_row(times: list[dt.datetime], data: st.DataObject) -> None:
    others = [
        TIME != START,
        TIME.is_null(),
        TIME.dt.hour() == 3,
        pl.lit(None) == TIME,
        pl.col("n") > 1,
    ]
    frame = pl.DataFrame({"time": times}).with_row_index("n")

    def joined(parts: st.SearchStrategy[pl.Expr]) -> st.SearchStrategy[pl.Expr]:
        how = st.sampled_from([operator.and_, operator.and_, operator.or_])
        pairs = st.tuples(how, parts, parts).map(lambda each: each[0](*each[1:]))
        return pairs | parts.map(operator.invert)

    atoms = comparisons() | st.sampled_from(others)
    predicate = data.draw(st.recursive(atoms, joined, max_leaves=5))
    known = data.draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    earliest, latest = (
        end if is_known else None
        for end, is_known in zip((min(times), max(times)), known, strict=True)
    )

    if not frame.filter(predicate).is_empty():
        assert may_hold({"time": (earliest, latest)}, predicate)
