"""What a filter says of files leaves out work and never a row."""

import datetime as dt
import operator

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from rangebar_polars._pruning import kept, may_hold

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


KEYS = pl.DataFrame({"symbol": ["A", "B", None], "n": [1, 2, 3]})
SYMBOL, OF_ROWS = pl.col("symbol"), pl.col("close") > 1


@pytest.mark.parametrize(
    ("predicate", "files"),
    [
        (SYMBOL.eq("A"), [0]),
        (SYMBOL.ne("A"), [1]),
        (SYMBOL.eq("A") & OF_ROWS, [0]),
        (SYMBOL.eq("A") | OF_ROWS, [0, 1, 2]),
        ((SYMBOL.eq("A") & OF_ROWS) | (pl.col("n").eq(3) & OF_ROWS), [0, 2]),
        (SYMBOL.map_elements("A".__eq__, return_dtype=pl.Boolean), [0, 1, 2]),
        (SYMBOL.cast(pl.Int64) == 1, [0, 1, 2]),
        (None, [0, 1, 2]),
    ],
    ids=str,
)
def test_files_are_left_out_only_if_no_row_of_theirs_can_pass(
    predicate: pl.Expr | None, files: list[int]
) -> None:
    assert kept([0, 1, 2], KEYS, predicate) == files
