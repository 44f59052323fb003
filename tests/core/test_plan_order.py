"""A plan that keeps no order of the trades is warned of, where the plan shows it."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.trades import walk

import rangebar_polars as rb

FRAME = walk(200).with_columns(symbol=pl.lit("A"), row=pl.int_range(200))
TRADES = FRAME.lazy()
KEYS = pl.LazyFrame({"symbol": ["A"]})
TEXT = (
    "a {} comes before the bars and does not keep the order of its rows, so that trades of one "
    "time may change places from run to run (give it {}, or sort after it by columns that leave no "
    "choice: timestamp and id)"
)
NAMES = [name for name in FRAME.columns if name != "row"]
Plan = Callable[[dict[str, Any]], pl.LazyFrame]
PLANS: dict[str, tuple[str, dict[str, Any], Plan]] = {
    "semi join": (
        "join",
        {"maintain_order": "left"},
        lambda order: TRADES.join(KEYS, on="symbol", how="semi", **order),
    ),
    "inner join": (
        "join",
        {"maintain_order": "left"},
        lambda order: TRADES.join(KEYS, on="symbol", **order).filter(pl.col("price") > 0),
    ),
    "right join": (
        "join",
        {"maintain_order": "right"},
        lambda order: KEYS.join(TRADES, on="symbol", how="right", **order),
    ),
    "unique": (
        "unique",
        {"maintain_order": True},
        lambda order: TRADES.unique("row", **order).select(NAMES),
    ),
    "unique in a part": (
        "unique",
        {"maintain_order": True},
        lambda order: pl.concat([TRADES.head(100).unique("row", **order), TRADES.slice(100)]),
    ),
    "group_by": (
        "group_by",
        {"maintain_order": True},
        lambda order: TRADES.group_by("row", **order).agg(pl.all().first()).with_columns(a=1),
    ),
}
plans = pytest.mark.parametrize("name", PLANS)


def warnings_of(call: Callable[[], object]) -> list[str]:
    """Return what a call warns of; trades that come out of order are refused besides."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call()
        except (rb.RangeBarError, pl.exceptions.ComputeError) as error:
            assert "maintain_order" in str(error)  # noqa: PT017 - whether it comes is chance
    return [str(warning.message) for warning in caught]


@plans
def test_a_node_that_keeps_no_order_is_named_once_a_run(name: str) -> None:
    node, order, plan = PLANS[name]
    ((_, value),) = order.items()
    remedy = 'maintain_order="left"' if node == "join" else f"maintain_order={value}"

    for call in (
        lambda: rb.bars(plan({})).collect(),
        lambda: rb.bars_with_state(plan({})),
        lambda: rb.RangeBarProcessor(250).process_trades(plan({})),
    ):
        assert warnings_of(call) == [TEXT.format(node, remedy)]


@plans
@pytest.mark.filterwarnings("error")
def test_the_remedy_gives_the_right_bars(name: str) -> None:
    _, order, plan = PLANS[name]

    assert rb.bars(plan(order)).collect().equals(rb.bars(FRAME))


@plans
@pytest.mark.filterwarnings("error")
def test_sorting_after_it_gives_the_right_bars(name: str) -> None:
    _, _, plan = PLANS[name]
    ordered = plan({}).sort("timestamp", "agg_trade_id").filter(pl.col("quantity") >= 0)

    assert rb.bars(ordered).collect().equals(rb.bars(FRAME))


@pytest.mark.filterwarnings("error")
def test_plans_that_keep_their_order_are_no_reason_to_warn(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "a.parquet")
    scanned = pl.scan_parquet(tmp_path / "*.parquet")
    rates = pl.LazyFrame({"timestamp": FRAME["timestamp"][:1], "rate": [1.0]})
    for plan in (
        scanned,
        scanned.map_batches(lambda frame: frame),
        scanned.join_asof(rates.set_sorted("timestamp"), on="timestamp"),
        pl.concat([scanned.head(100), scanned.slice(100)]),
    ):
        assert rb.bars(plan).collect().equals(rb.bars(FRAME))


def test_an_import_of_such_a_plan_is_warned_of(tmp_path: Path) -> None:
    plan = TRADES.join(KEYS, on="symbol", how="semi")

    caught = warnings_of(
        lambda: rb.import_trades(plan, symbol="S", source="mine", cache_dir=tmp_path)
    )

    assert caught == [TEXT.format("join", 'maintain_order="left"')]


def test_errors_of_a_plan_are_left_to_its_run(tmp_path: Path) -> None:
    bars = rb.bars(pl.scan_parquet(tmp_path / "none.parquet").unique())

    with pytest.raises((FileNotFoundError, pl.exceptions.ComputeError)):
        bars.collect()
