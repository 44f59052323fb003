"""Labels stand beside bars, with the same rows, keys and order; and never inside of them."""

import datetime as dt
import random
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from support.trades import trades, walk

import rangebar_polars as rb

HOUR = 3_600_000


def of_three() -> pl.DataFrame:
    """Return interleaved trades of three keys, over three days and with gaps."""
    chance = random.Random(19)  # noqa: S311 - not a secret
    times, time = list[int](), 1_700_000_000_000
    for _ in range(900):
        time += chance.choice([0, 0, 1_000, 90_000, HOUR if chance.random() < 0.3 else 5_000])
        times.append(time)
    prices = [100 + 3 * chance.random() for _ in times]
    return trades(prices, times).with_columns(
        symbol=pl.Series(chance.choices(["A", "B", None], k=len(times)))
    )


FRAME = of_three()
CALLS: dict[str, dict[str, Any]] = {
    "a threshold": {"threshold_decimal_bps": 500},
    "thresholds": {"threshold_decimal_bps": [250, 700, 1000]},
    "a key": {"threshold_decimal_bps": 500, "by": "symbol"},
    "keys and thresholds": {"threshold_decimal_bps": [250, 700], "by": ["symbol"]},
    "a rule": {"rule": rb.HighLowRule(1.5), "by": "symbol"},
    "rules": {"rule": [rb.TickRule(9), rb.HighLowRule(1)], "by": "symbol"},
    "an expression": {"rule": rb.WhenRule(pl.col("price") > 102.8)},
    "a reset": {"threshold_decimal_bps": 1000, "reset": "day", "by": "symbol"},
    "a gap": {"threshold_decimal_bps": 1000, "max_gap": "10m"},
    "ties": {"threshold_decimal_bps": 300, "prevent_same_timestamp_close": False},
}
LABELS: dict[str, Any] = {"take_profit": 800, "stop_loss": 500, "horizon": [3, "20m"]}
OF_LABELS = [
    f"{name}{end}"
    for end in ("_3", "_20m")
    for name in ("label", "ret", "touch_time", "touch_kind")
]


@pytest.mark.parametrize("is_lazy", [False, True])
@pytest.mark.parametrize("call", CALLS)
def test_labels_have_a_row_for_each_bar(call: str, *, is_lazy: bool) -> None:
    options = CALLS[call]
    bars = rb.bars(FRAME, **options)
    keys = [name for name in bars.columns if name in {"symbol", "rule", "threshold_decimal_bps"}]

    if is_lazy:
        labels = rb.labels.triple_barrier(FRAME.lazy(), **options, **LABELS).collect()
    else:
        labels = rb.labels.triple_barrier(FRAME, **options, **LABELS)

    both = [*keys, "close_time", "close"]
    assert labels.columns == [*both, *OF_LABELS]
    assert_frame_equal(labels.select(both), bars.select(both), check_exact=True)
    beside = pl.concat([bars, labels.drop(both)], how="horizontal")
    assert beside.columns == [*bars.columns, *OF_LABELS]
    assert beside.null_count()["label_3"].item() < bars.height / 2


@pytest.mark.parametrize("name", ["a reset", "a gap"])
def test_a_horizon_of_bars_does_not_count_bars_that_were_cut_off(name: str) -> None:
    options = CALLS[name] | {"by": None, "threshold_decimal_bps": 2500}
    bars = rb.bars(FRAME, **options)
    every = rb.bars(FRAME, **options, include_incomplete=True)
    assert every.height > bars.height + 1

    returns = rb.labels.forward_return(FRAME, **options, horizon=2)

    expected = bars.select(rb.labels.forward_return_of_bars(2)).to_series()
    assert returns["forward_return"].to_list() == expected.to_list()


@pytest.mark.parametrize("symbol", ["A", "B"])
def test_each_key_has_the_labels_of_its_own_trades(symbol: str) -> None:
    of_key = pl.col("symbol") == symbol

    together = rb.labels.triple_barrier(FRAME, [250, 700], by="symbol", **LABELS)

    apart = rb.labels.triple_barrier(FRAME.filter(of_key), [250, 700], **LABELS)
    assert_frame_equal(together.filter(of_key).drop("symbol"), apart, check_exact=True)


def test_each_threshold_has_the_labels_of_its_own_bars() -> None:
    together = rb.labels.triple_barrier(FRAME, [250, 700], **LABELS)

    for threshold in (250, 700):
        apart = rb.labels.triple_barrier(FRAME, threshold, **LABELS)
        own = together.filter(threshold_decimal_bps=threshold).drop("threshold_decimal_bps")
        assert_frame_equal(own, apart, check_exact=True)


def test_several_horizons_have_the_columns_of_each() -> None:
    together = rb.labels.triple_barrier(FRAME, 500, **LABELS)

    for horizon in (3, "20m"):
        apart = rb.labels.triple_barrier(FRAME, 500, **LABELS | {"horizon": horizon})
        renamed = apart.rename({name: f"{name}_{horizon}" for name in apart.columns[2:]})
        assert_frame_equal(together.select(renamed.columns), renamed, check_exact=True)


@pytest.mark.parametrize(
    "query",
    [
        lambda plan: plan.select("label_3", "symbol"),
        lambda plan: plan.filter(pl.col("symbol") == "A"),
        lambda plan: plan.filter(threshold_decimal_bps=700).select("ret_20m"),
        lambda plan: plan.filter(pl.col("label_3") == 1, pl.col("symbol").is_null()),
        lambda plan: plan.head(5),
        lambda plan: plan.select(pl.len()),
        lambda plan: plan.group_by("symbol", maintain_order=True).agg(pl.col("label_3").mean()),
    ],
    ids=["columns", "a key", "a threshold", "a label", "head", "rows", "groups"],
)
def test_a_plan_after_labels_gives_what_it_gives_of_their_frame(query: Any) -> None:  # noqa: ANN401
    plan = rb.labels.triple_barrier(FRAME.lazy(), [250, 700], by="symbol", **LABELS)
    frame = rb.labels.triple_barrier(FRAME, [250, 700], by="symbol", **LABELS)

    assert plan.collect_schema() == frame.schema
    assert_frame_equal(query(plan).collect(), query(frame.lazy()).collect(), check_exact=True)


def test_a_head_after_labels_does_not_read_the_trades_to_their_end() -> None:
    early, late = walk(2_000), walk(2_000).with_columns(price=pl.lit(-1.0))
    later = pl.col("timestamp") + dt.timedelta(days=1)
    plan = pl.concat([early.lazy(), late.lazy().with_columns(later, agg_trade_id=None)])

    labels = rb.labels.triple_barrier(plan, 100, take_profit=100, horizon=1).head(3)

    expected = rb.labels.triple_barrier(early, 100, take_profit=100, horizon=1).head(3)
    assert_frame_equal(labels.collect(), expected, check_exact=True)


def test_times_keep_the_dtype_of_the_trades() -> None:
    frame = FRAME.with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "Asia/Tokyo")))

    labels = rb.labels.triple_barrier(frame, 500, take_profit=100)

    assert {labels.schema[name] for name in ("close_time", "touch_time")} == {
        pl.Datetime("ns", "Asia/Tokyo")
    }
    assert labels.schema["label"] == pl.Int8
    assert labels.schema["touch_kind"] == pl.Enum(["take_profit", "stop_loss", "horizon"])


def test_no_trades_have_no_labels() -> None:
    for of in (FRAME.clear(), FRAME.clear().lazy()):
        labels = rb.labels.triple_barrier(of, [250, 500], by="symbol", **LABELS)
        if isinstance(labels, pl.LazyFrame):
            labels = labels.collect()
        assert labels.height == 0
        full = rb.labels.triple_barrier(FRAME, [250, 500], by="symbol", **LABELS)
        assert labels.schema == full.schema


@pytest.mark.parametrize("cut", [5, 200, 450, 899])
def test_a_label_depends_on_no_trade_before_its_event(cut: int) -> None:
    """Every trade is an event here, so that the trades may begin with any."""
    options: dict[str, Any] = {"take_profit": 300, "stop_loss": 300, "horizon": [2, "20m"]}
    every = rb.labels.triple_barrier(FRAME, rule=rb.TickRule(1), **options)

    later = rb.labels.triple_barrier(FRAME[cut:], rule=rb.TickRule(1), **options)

    assert_frame_equal(every[cut:], later, check_exact=True)


@pytest.mark.parametrize("cut", [5, 200, 450])
def test_a_known_label_does_not_change_with_later_trades(cut: int) -> None:
    known = rb.labels.triple_barrier(FRAME[:cut], 300, **LABELS)

    later = rb.labels.triple_barrier(FRAME, 300, **LABELS)[: known.height]

    for name in OF_LABELS:
        was = known[name].is_not_null()
        assert later[name].filter(was).to_list() == known[name].filter(was).to_list()


def test_bars_have_no_column_of_labels() -> None:
    names = {"label", "ret", "touch_time", "touch_kind", "forward_return"}

    bars = rb.bars(FRAME, 500, include_microstructure=True, include_incomplete=True)

    assert names & {*bars.columns, *(output.name for output in rb.schema.COLUMNS)} == set()
    assert names & {*rb.features.__all__} == set()


@pytest.mark.parametrize("by", [None, "symbol"])
def test_labels_on_several_threads_are_those_of_one(by: str | None) -> None:
    row = pl.int_range(300_000)
    frame = pl.select(
        timestamp=(row * 50).cast(pl.Datetime("ms")),
        price=100 + (row * 0.0007).sin() + (row * 7919 % 101) / 400,
        quantity=pl.lit(1.0),
        symbol=row * 31 % 7,
    )

    labels = rb.labels.triple_barrier(frame, [300, 900], by=by, **LABELS)

    of_plan = rb.labels.triple_barrier(frame.lazy(), [300, 900], by=by, **LABELS).collect()
    assert labels.height > 500
    assert_frame_equal(labels, of_plan, check_exact=True)
    events = pl.DataFrame({"row": range(0, 300_000, 499)})
    own = rb.labels.forward_return(frame, events=events, horizon="20m", by=by)
    of_plan = rb.labels.forward_return(frame.lazy(), events=events, horizon="20m", by=by).collect()
    assert own["row"].to_list() == events["row"].to_list()
    assert_frame_equal(own, of_plan, check_exact=True)
