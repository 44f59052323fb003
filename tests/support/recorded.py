"""The sample as a feed for recorders, and what its bars are in one pass."""

import shutil
from pathlib import Path
from typing import Any, Final

import polars as pl

import rangebar_polars as rb
from support.entry_points import assert_same

SAMPLE: Final = Path(__file__).parents[2] / "examples" / "btcusdt-trades.parquet"
THRESHOLD: Final = 5
NAMES: Final = rb.TradeColumns(
    timestamp="T",
    price="p",
    quantity="q",
    is_buyer_maker="m",
    agg_trade_id="a",
    first_trade_id="f",
    last_trade_id="l",
)


def sample() -> pl.DataFrame:
    """Return the trades of the sample, in milliseconds as Binance's sockets have them."""
    return pl.read_parquet(SAMPLE).select(
        pl.col("timestamp").dt.cast_time_unit("ms"),
        "price",
        "quantity",
        "is_buyer_maker",
        agg_trade_id="last_trade_id",
        first_trade_id="last_trade_id",
        last_trade_id="last_trade_id",
    )


def messages(trades: pl.DataFrame) -> list[dict[str, Any]]:
    """Return trades as Binance's socket sends them."""
    stamps = pl.col("timestamp").dt.epoch("ms")
    columns = trades.select(
        e=pl.lit("aggTrade"),
        E=stamps + 3,
        s=pl.lit("BTCUSDT"),
        a="agg_trade_id",
        p=pl.col("price").cast(pl.String),
        q=pl.col("quantity").cast(pl.String),
        f="first_trade_id",
        l="last_trade_id",
        T=stamps,
        m="is_buyer_maker",
        M=pl.lit(value=True),
    )
    return columns.to_dicts()


def processor(threshold: int = THRESHOLD, **options: Any) -> rb.RangeBarProcessor:  # noqa: ANN401
    """Return a processor of the messages."""
    asked: dict[str, Any] = {"columns": NAMES, "include_microstructure": True} | options
    return rb.RangeBarProcessor(threshold, "BTCUSDT", **asked)


def one_pass(threshold: int = THRESHOLD) -> pl.DataFrame:
    """Return the bars of all messages."""
    return rb.bars(sample(), threshold, include_microstructure=True)


FEED: Final = messages(sample())


def recorded(folder: Path) -> Path:
    """Record the bars of half of the sample, and return the folder."""
    with rb.BarRecorder(folder, processor()) as recorder:
        for start in range(0, 10_000, 500):
            recorder.process_trades(FEED[start : start + 500])
    return folder


def finish(folder: Path) -> None:
    """Continue a record to the end of the feed, and check it."""
    with rb.BarRecorder(folder, processor()) as recorder:
        last = recorder.position["agg_trade_id"].max() or 0
        recorder.process_trades([trade for trade in FEED if trade["a"] > last])
    assert_same(one_pass(), rb.scan_recorded_bars(folder).collect())


def as_after_a_kill(folder: Path) -> Path:
    """Return a copy of a recorder's folder, in which no process has the lock."""
    copies = folder.parent / f"{folder.name}-copies"
    copies.mkdir(exist_ok=True)
    return shutil.copytree(folder, copies / str(len(list(copies.iterdir()))))
