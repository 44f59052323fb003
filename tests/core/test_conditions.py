"""Filters of bars that are applied to their trades too: what they leave, and which they are.

A filter on keys or thresholds leaves out chains before they are folded. The bars that remain must
be those that the same filter leaves of the collected frame.
"""

import operator
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Literal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.io.plugins import register_io_source
from support.entry_points import assert_expected, assert_same, parquet
from support.oracle_chains import few, keyed, questions
from support.trades import trades, walk

import rangebar_polars as rb
from rangebar_polars._core.conditions import implied

Engine = Literal["in-memory", "streaming"]
ENGINES: tuple[Engine, ...] = ("in-memory", "streaming")
C = pl.col

IS_A = C("symbol").map_elements("A".__eq__, return_dtype=pl.Boolean)

OF_KEYS = [
    C("symbol") == "A",
    C("symbol") != "B",
    C("symbol").eq_missing(None),
    C("symbol").ne_missing("A"),
    C("symbol").is_in(["A", ""]),
    C("symbol").is_in(["B", None], nulls_equal=True),
    C("symbol").is_null(),
    C("symbol").str.starts_with("A"),
    C("symbol").str.contains("A|B"),
    C("venue") == 0,
    C("venue") > -1.5,
    C("venue").is_between(-1, 0),
    C("venue").is_in([0, 7]),
    C("venue") == 100_000,
    pl.when(C("symbol") == "A").then(C("venue") == 0).otherwise(C("venue").is_null()),
    IS_A,
    C("symbol").str.len_bytes() == 1,
]
OF_BARS = [
    C("close") >= C("open"),
    C("high") > 1_000,
    C("open") == C("open").first(),
    pl.lit(value=True),
]
OF_THRESHOLDS = [C("threshold_decimal_bps") > 100, C("threshold_decimal_bps").is_in([1, 250])]


def filters(atoms: list[pl.Expr]) -> st.SearchStrategy[pl.Expr]:
    """Draw combinations of conditions."""

    def joined(parts: st.SearchStrategy[pl.Expr]) -> st.SearchStrategy[pl.Expr]:
        how = st.sampled_from([operator.and_, operator.and_, operator.or_, operator.xor])
        pairs = st.tuples(how, parts, parts).map(lambda each: each[0](*each[1:]))
        return pairs | parts.map(operator.invert)

    return st.recursive(st.sampled_from(atoms), joined, max_leaves=5)


@few
@given(
    st.data(),
    st.sampled_from(ENGINES),
    st.none() | st.integers(0, 4),
    st.sampled_from(["before", "after"]),
)
def test_a_filter_of_a_plan_leaves_what_it_leaves_of_the_bars_of_the_oracle(
    data: st.DataObject, engine: Engine, head: int | None, place: str
) -> None:
    question = data.draw(questions(("symbol", "venue")))
    frame = data.draw(keyed(question.thresholds[0]))
    several = OF_THRESHOLDS if question.threshold_column else []
    predicate = data.draw(filters([*OF_KEYS, *OF_KEYS, *OF_BARS, *several]))

    def operation(bars: pl.LazyFrame) -> pl.LazyFrame:
        bars = bars.head(head) if head is not None and place == "before" else bars
        bars = bars.filter(predicate)
        return bars if head is None or place == "before" else bars.head(head)

    plan = operation(rb.bars(parquet(frame, 5), **question.options))

    expected = operation(question.expected(frame).lazy()).collect()
    assert_expected(expected, plan.collect(engine=engine))


MIXED = walk(1_200).with_columns(
    symbol=pl.Series(["A", "B", None, "A", "C"] * 240),
    venue=pl.int_range(1_200, dtype=pl.Int16) % 2,
)
OPERATIONS: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "renamed": lambda bars: bars.rename({"symbol": "s"}).filter(C("s") == "A"),
    "aliased": lambda bars: bars.select(s=C("symbol"), x="close").filter(C("s") == "A"),
    "shadowed": lambda bars: bars.with_columns(symbol=pl.lit("A")).filter(C("symbol") == "A"),
    "swapped": lambda bars: bars.with_columns(symbol=C("high") > 500).filter("symbol"),
    "dropped": lambda bars: bars.filter(C("symbol") == "B").select("close"),
    "counted": lambda bars: bars.filter(C("symbol") == "B").select(pl.len()),
    "the own aggregation": lambda bars: bars.filter(C("symbol") == "B", C("n") > 5),
    "a slice of it": lambda bars: bars.filter(C("symbol") != "B").slice(3, 5),
    "of a slice": lambda bars: bars.slice(3, 5).filter(C("symbol") != "B"),
    "the tail": lambda bars: bars.filter(C("symbol").is_null()).tail(2),
    "numbered": lambda bars: bars.with_row_index().filter(C("symbol") == "A"),
    "of a window": lambda bars: bars.with_columns(n=C("close").max().over("symbol")).filter(
        C("symbol") == "A"
    ),
    "of another window": lambda bars: bars.with_columns(n=C("close").shift(1)).filter(
        C("symbol") == "A"
    ),
    "a join": lambda bars: bars.join(
        pl.LazyFrame({"symbol": ["A"]}), on="symbol", maintain_order="left"
    ),
    "both halves": lambda bars: pl.concat(
        [bars.filter(C("symbol") == "A"), bars.filter(C("venue") == 1)]
    ),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_filter_on_keys_wherever_it_stands_gives_the_rows_of_the_collected_frame(
    name: str, engine: Engine
) -> None:
    operation = OPERATIONS[name]
    by, aggs = ["symbol", "venue"], pl.len().alias("n")
    bars = rb.bars(MIXED, [20, 50], by=by, aggs=aggs, reset="day", include_incomplete=True)

    plan = rb.bars(MIXED.lazy(), [20, 50], by=by, aggs=aggs, reset="day", include_incomplete=True)

    assert_same(operation(bars.lazy()).collect(), operation(plan).collect(engine=engine))


class Asked:
    """A source of trades that records the filters which reach it."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame, self.filters = frame, list[str | None]()

    def plan(self) -> pl.LazyFrame:
        """Return the source as a plan."""
        return register_io_source(self._give, schema=self.frame.schema)

    def _give(
        self,
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,  # noqa: ARG002
        batch_size: int | None,  # noqa: ARG002
    ) -> Iterator[pl.DataFrame]:
        self.filters.append(None if predicate is None else str(predicate))
        rows = self.frame if predicate is None else self.frame.filter(predicate)
        yield rows if with_columns is None else rows.select(with_columns)


REACHING: dict[str, tuple[pl.Expr, tuple[str, ...]]] = {
    "a comparison": (C("symbol") == "A", ("symbol",)),
    "a list": (C("symbol").is_in(["A", "B"]), ("symbol",)),
    "a list of other integers": (C("venue").is_in([0, 70_000]), ("venue",)),
    "a float": (C("venue") > 0.5, ("venue",)),
    "a null": (C("symbol").is_null(), ("symbol",)),
    "a prefix": (C("symbol").str.starts_with("A"), ("symbol",)),
    "a choice": (
        pl.when(C("symbol") == "A").then(C("venue") == 0).otherwise(C("venue") == 1),
        ("symbol", "venue"),
    ),
    "two keys": ((C("symbol") == "A") | (C("venue") == 1), ("symbol", "venue")),
    "with a condition on bars": ((C("symbol") == "A") & (C("close") > 1), ("symbol",)),
    "in both of two": (
        ((C("symbol") == "A") & (C("close") > 1)) | ((C("symbol") == "B") & (C("open") > 1)),
        ("symbol",),
    ),
    "five hundred": (
        reduce(operator.or_, [C("symbol") == str(n) for n in range(500)]),
        ("symbol",),
    ),
}


@pytest.mark.parametrize("name", REACHING)
def test_a_condition_on_keys_reaches_the_source_of_the_trades(name: str) -> None:
    predicate, columns = REACHING[name]
    source = Asked(MIXED)

    rb.bars(source.plan(), 20, by=["symbol", "venue"]).filter(predicate).collect()

    (reached,) = source.filters
    assert reached is not None
    assert all(f'col("{column}")' in reached for column in columns)
    assert "close" not in reached


STAYING: dict[str, pl.Expr] = {
    "a condition on bars": C("close") > 1,
    "a key or a condition on bars": (C("symbol") == "A") | (C("close") > 1),
    "a key and a column of bars compared": C("close") > C("venue"),
    "a Python function": IS_A,
    "a function of batches": C("symbol").map_batches(
        lambda symbols: symbols == "A", return_dtype=pl.Boolean, is_elementwise=True
    ),
    "a strict cast": C("venue").cast(pl.UInt8) == 1,
    "a constant": pl.lit(value=True),
}


@pytest.mark.parametrize("name", STAYING)
def test_any_other_condition_is_left_to_the_bars(name: str) -> None:
    source = Asked(MIXED)

    rb.bars(source.plan(), 20, by=["symbol", "venue"]).filter(STAYING[name]).collect()

    assert source.filters == [None]


def test_a_condition_that_is_nested_too_deep_for_python_is_left_to_the_bars() -> None:
    nested = reduce(
        lambda otherwise, n: (
            pl.when(C("symbol") == str(n)).then(C("venue") == n).otherwise(otherwise)
        ),
        range(2_000),
        C("venue") == 1,
    )

    assert implied(nested, ["symbol", "venue"]) is None


def test_a_random_condition_on_keys_takes_no_trade_out_of_a_bar() -> None:
    calls = iter(range(10**6))
    bars = rb.bars(MIXED, 20, by="symbol", include_incomplete=True)

    some = (
        rb.bars(MIXED.lazy(), 20, by="symbol", include_incomplete=True)
        .filter(C("symbol").map_elements(lambda _: next(calls) % 2 == 0, return_dtype=pl.Boolean))
        .collect()
    )

    assert 0 < some.height < bars.height
    assert some.join(bars, on=bars.columns, how="anti", nulls_equal=True).is_empty()


def test_bad_rows_of_keys_that_are_not_wanted_are_neither_read_nor_reported() -> None:
    bad = trades([100, -1, 101]).with_columns(symbol=pl.Series(["A", "B", "A"]))
    plan = rb.bars(bad.lazy(), by="symbol")

    assert plan.filter(C("symbol") == "A").collect().height == 1
    with pytest.raises(pl.exceptions.ComputeError, match='symbol "B": price is -1 at row 0'):
        plan.filter(C("symbol") == "B").collect()
    with pytest.raises(pl.exceptions.ComputeError, match='symbol "B": price is -1 at row 0'):
        plan.filter(C("close") > 0).collect()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("by", [None, "symbol"])
def test_no_trade_is_read_if_no_threshold_is_wanted(by: str | None, engine: Engine) -> None:
    source = Asked(MIXED)
    plan = rb.bars(source.plan(), [20, 50], by=by)

    none = plan.filter(C("threshold_decimal_bps") > 50).collect(engine=engine)

    assert source.filters == []
    assert_same(rb.bars(MIXED, [20, 50], by=by).clear(), none)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_filter_on_thresholds_leaves_the_bars_of_each_wanted_one(engine: Engine) -> None:
    plan = rb.bars(MIXED.lazy(), [20, 50, 100], aggs=pl.len().alias("n"))

    some = plan.filter(C("threshold_decimal_bps").is_in([20, 100])).collect(engine=engine)

    assert_same(rb.bars(MIXED, [20, 100], aggs=pl.len().alias("n")), some)


def test_a_key_with_the_name_of_a_pattern_is_that_column() -> None:
    names = {"symbol": "^s.*$", "venue": "*"}
    plan = rb.bars(MIXED.lazy().rename(names), 20, by=[*names.values()])

    some = plan.rename({new: old for old, new in names.items()}).filter(
        C("symbol") == "A", C("venue") == 1
    )

    bars = rb.bars(MIXED, 20, by=["symbol", "venue"])
    assert_same(bars.filter(C("symbol") == "A", C("venue") == 1), some.collect())
