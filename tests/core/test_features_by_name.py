"""Columns of bars that are asked for by name: which, in which order, and after a resume."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.entry_points import BASE, FEATURES, SUMS, assert_same
from support.oracle_chains import few
from support.processors import check_saved_anywhere
from support.statistics import STATISTICS
from support.trades import trades, walk

import rangebar_polars as rb
from rangebar_polars._core.options import Options
from rangebar_polars.schema import ALWAYS_READ, TRADE_SCHEMA

INTRA = [f"intra_{name}" for name in STATISTICS]
MIXED = ["intra_kaufman_er", "ofi", "intra_direction_changes", "vwap", "last_agg_trade_id"]
FRAME = walk(400)


def test_features_follow_the_other_columns_in_the_order_given() -> None:
    bars = rb.bars(FRAME, 100, features=MIXED, include_incomplete=True, aggs=pl.len().alias("n"))

    assert bars.columns == [*BASE, *MIXED, "n", "is_complete"]
    whole = rb.bars(FRAME, 100, features=INTRA, include_microstructure=True)
    assert whole.columns == [*BASE, *SUMS, *FEATURES, *INTRA]
    assert_same(whole.select(MIXED), bars.filter("is_complete").select(MIXED))


def test_include_microstructure_adds_no_statistic() -> None:
    assert not {*INTRA} & {*rb.bars(FRAME, 100, include_microstructure=True).columns}


def test_the_schema_has_the_features() -> None:
    asked: dict[str, Any] = {"features": MIXED, "by": "is_buyer_maker"}

    schema = rb.bar_schema(TRADE_SCHEMA, [100, 250], **asked)

    assert list(schema)[-len(MIXED) :] == MIXED
    plan = rb.bars(pl.LazyFrame(schema=TRADE_SCHEMA), [100, 250], **asked)
    assert plan.collect_schema() == schema == plan.collect().schema


ENTRY_POINTS: dict[str, Callable[..., pl.DataFrame]] = {
    "namespace": lambda frame, **asked: frame.rangebar.bars(100, **asked),
    "plan": lambda frame, **asked: frame.lazy().rangebar.bars(100, **asked).collect(),
    "arrow": lambda frame, **asked: rb.bars(frame.to_arrow(), 100, **asked),
    "processor": lambda frame, **asked: rb.RangeBarProcessor(100, **asked).process_trades(frame),
    "process_trades_polars": lambda frame, **asked: rb.process_trades_polars(frame, 100, **asked),
    "dicts": lambda frame, **asked: rb.process_trades_polars(_dicts(frame), 100, **asked),
    "process_trades_chunked": lambda frame, **asked: pl.concat(
        rb.process_trades_chunked([frame[:7], frame[7:]], 100, **asked)
    ),
    "bars_with_state": lambda frame, **asked: rb.bars_with_state(frame, 100, **asked)[0],
    "expression": lambda frame, **asked: frame.select(rb.bars_expr(100, **asked)).unnest("bars"),
    "price expression": lambda frame, **asked: frame.select(
        pl.col("price").rangebar.bars(100, **asked)  # type: ignore[attr-defined]
    ).unnest("bars"),
}


def _dicts(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return trades as dicts, with times that a dict may have."""
    year = 1_700_000_000_000
    return frame.with_columns(pl.col("timestamp").to_physical() + year).to_dicts()


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_every_entry_point_has_the_features(entry_point: str) -> None:
    asked = [*INTRA, "ofi"]

    bars = ENTRY_POINTS[entry_point](FRAME, features=asked)

    assert bars.columns == [*BASE, *asked]
    assert_same(rb.bars(FRAME, 100, features=asked).select(asked), bars.select(asked))


@pytest.mark.parametrize("name", [*INTRA, "ofi", "close"])
def test_a_plan_reads_only_what_the_features_that_are_selected_need(name: str) -> None:
    asked = [*INTRA, "ofi"]
    outputs = (*rb.schema.COLUMNS, *rb.schema.INTRA)
    (reads,) = (output.reads for output in outputs if output.name == name)

    bars = rb.bars(FRAME.lazy(), 100, features=asked).select(name)

    assert_same(rb.bars(FRAME, 100, features=asked).select(name), bars.collect())
    read = Options.check(100, columns=None, features=asked).reads([name])
    assert {*read} == {*reads, *ALWAYS_READ}


@few
@given(data=st.data())
def test_a_processor_is_saved_anywhere_and_has_the_features_of_one_pass(
    data: st.DataObject,
) -> None:
    check_saved_anywhere(data, features=INTRA)


@pytest.mark.parametrize("cut", [0, 1, 9, 10, 11, 64, 200, 399])
def test_a_state_is_continued_with_its_features_or_fewer(cut: int) -> None:
    _, state = rb.bars_with_state(FRAME[:cut], 5_000, features=INTRA)

    for asked in (INTRA, ["intra_roll_spread", "vwap", "intra_max_delta"], ["intra_amihud"], None):
        whole = rb.bars(FRAME, 5_000, features=asked, include_incomplete=True)
        rest = rb.bars(FRAME[cut:], 5_000, features=asked, include_incomplete=True, state=state)
        assert_same(whole.tail(1), rest.tail(1))


def test_a_state_is_not_continued_with_features_that_it_has_no_sums_of() -> None:
    _, state = rb.bars_with_state(FRAME[:99], 100, features=["intra_kaufman_er", "ofi"])

    with says(
        rb.CheckpointError,
        "the checkpoint is of features ['intra_kaufman_er', 'ofi']: expected those, or some of "
        "them, not ['intra_burstiness'] (give features of the checkpoint, or read the trades again "
        "with others)",
    ):
        rb.bars(FRAME[99:], 100, features=["intra_burstiness"], state=state)
    with says(
        rb.CheckpointError,
        "the checkpoint is of features None: expected those, or some of them, not "
        "['intra_burstiness'] (give features of the checkpoint, or read the trades again with "
        "others)",
    ):
        processor = rb.RangeBarProcessor(100, features=["intra_burstiness"])
        processor.resume(rb.RangeBarProcessor(100).create_checkpoint())


def test_features_that_follow_from_the_sums_are_in_every_state() -> None:
    _, state = rb.bars_with_state(FRAME[:99], 100)
    asked = ["intra_garman_klass_vol", "intra_amihud", "intra_vwap_position", "intra_delta"]

    rest = rb.bars(FRAME[99:], 100, features=asked, state=state)

    assert_same(rb.bars(FRAME, 100, features=asked).tail(rest.height), rest)


def test_checkpoints_of_fewer_features_are_those_of_a_processor_of_fewer() -> None:
    _, state = rb.bars_with_state(FRAME[:150], 250, features=INTRA)
    fewer = ["intra_max_run_up"]

    _, continued = rb.bars_with_state(FRAME[150:], 250, features=fewer, state=state)

    _, alone = rb.bars_with_state(FRAME, 250, features=fewer)
    assert continued == alone


@pytest.mark.parametrize("several", [False, True])
def test_the_incomplete_bar_has_the_features_once(*, several: bool) -> None:
    processor = rb.RangeBarProcessor([100, 250] if several else 100, features=MIXED)
    processor.process_trades(FRAME)

    bar = processor.get_incomplete_bar()

    assert bar is not None
    added = ["intra_kaufman_er", "intra_direction_changes"]
    assert bar.columns[several:] == [*BASE, *SUMS, *FEATURES, *added]


def test_a_checkpoint_of_all_features_has_less_than_2_kb() -> None:
    _, state = rb.bars_with_state(FRAME, 100_000, symbol="x" * 128, features=INTRA)

    assert len(state) < 2_000


def test_trades_of_no_key_lend_a_statistic_nothing() -> None:
    frame = walk(300).with_columns(key=pl.int_range(300) % 3)

    bars = rb.bars(frame, 100, by="key", features=INTRA, include_incomplete=True)

    for key in range(3):
        alone = rb.bars(
            frame.filter(pl.col("key") == key), 100, features=INTRA, include_incomplete=True
        )
        assert_same(alone, bars.filter(pl.col("key") == key).drop("key"))


def test_later_trades_change_no_statistic_of_an_earlier_bar() -> None:
    whole = rb.bars(FRAME, 100, features=INTRA)

    for cut, _ in pairwise(range(0, 400, 57)):
        early = rb.bars(FRAME[:cut], 100, features=INTRA)
        assert_same(whole.head(early.height), early)


NOT_FEATURES: dict[str, tuple[Any, type[Exception], str]] = {
    "a text": ("ofi", TypeError, "features is 'ofi': expected a sequence of names (['ofi'])"),
    "a text that is no name": (
        "kaufman_er",
        TypeError,
        "features is 'kaufman_er': expected a sequence of names (write 'intra_kaufman_er')",
    ),
    "a set": (
        {"ofi"},
        TypeError,
        (
            "features is {'ofi'}: expected a sequence of names, since columns come in their order "
            "and a set has none (['ofi'])"
        ),
    ),
    "a name that looks like that of a column of all bars": (
        ["nope"],
        ValueError,
        (
            "features holds 'nope': expected names of columns of bars "
            "(rangebar_polars.schema.COLUMNS, INTRA and LOOKBACK list them)"
        ),
    ),
    "a number": (7, TypeError, "features is 7: expected a sequence of names of columns"),
    "a number inside": (
        ["ofi", 7],
        TypeError,
        "features is ['ofi', 7]: expected a sequence of names of columns",
    ),
    "nothing": ([], ValueError, "features is empty: expected names of columns of bars, or None"),
    "a name without its beginning": (
        ["kaufman_er"],
        ValueError,
        "features holds 'kaufman_er': expected names of columns of bars (write 'intra_kaufman_er')",
    ),
    "a name with a wrong letter, of a feature that windows have too": (
        ["ofii"],
        ValueError,
        "features holds 'ofii': expected names of columns of bars (write 'ofi')",
    ),
    "the column of another argument": (
        ["lookback_vpin"],
        ValueError,
        (
            "features holds 'lookback_vpin': expected names of columns of bars (leave "
            "'lookback_vpin' out: vpin adds it)"
        ),
    ),
    "a name that is written otherwise": (
        ["intra_max_runup"],
        ValueError,
        (
            "features holds 'intra_max_runup': expected names of columns of bars (write "
            "'intra_max_run_up')"
        ),
    ),
    "no name at all": (
        ["zzz"],
        ValueError,
        (
            "features holds 'zzz': expected names of columns of bars "
            "(rangebar_polars.schema.COLUMNS, INTRA and LOOKBACK list them)"
        ),
    ),
    "a name twice": (
        ["ofi", "ofi"],
        ValueError,
        "features holds 'ofi' twice: expected each once",
    ),
    "a column of all bars": (
        ["close"],
        ValueError,
        "features holds 'close', which all bars have: expected other columns (leave it out)",
    ),
}


@pytest.mark.parametrize("case", NOT_FEATURES)
def test_features_that_are_none_are_refused_by_the_call(case: str) -> None:
    features, error, text = NOT_FEATURES[case]

    with says(error, text):
        rb.bars(FRAME.lazy(), features=features)


def test_a_feature_that_is_there_anyway_is_refused() -> None:
    with says(
        ValueError,
        "features holds 'ofi', which include_microstructure adds: expected other columns (leave it "
        "out)",
    ):
        rb.bars(FRAME, features=["ofi"], include_microstructure=True)


@pytest.mark.parametrize("name", ["intra_amihud", "ofi"])
def test_a_column_of_your_own_has_no_name_of_a_feature(name: str) -> None:
    text = (
        f'column {name!r} would appear twice among the columns of bars (rename it: .alias("..."))'
    )
    with says(ValueError, text):
        rb.bars(FRAME, aggs=pl.col("price").mean().alias(name))


def test_bars_without_a_side_warn_of_the_statistics_that_need_one() -> None:
    frame = trades([100, 101, 102], sold=[None, None, None])

    with pytest.warns(rb.RangeBarWarning, match="intra_delta"):
        rb.bars(frame, features=["intra_delta", "intra_kaufman_er"])
