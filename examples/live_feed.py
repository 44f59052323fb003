"""Range bars of a live feed that survive a kill at any moment.

The recorder keeps bars and state in a folder. Whenever the process ends, the next run continues
from the last saved state and asks the feed for the trades after it: no bar is lost, none is there
twice.

Here the feed replays the sample from any position, as an exchange's "trades since id" does, in the
messages of a socket: short names, prices as text, times as whole numbers of microseconds.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from rangebar_polars import BarRecorder, RangeBarProcessor, TradeColumns, scan_recorded_bars

SAMPLE = Path(__file__).with_name("btcusdt-trades.parquet")
# Raw trades: their own id is the position of the feed.
COLUMNS = TradeColumns(
    timestamp="T",
    price="p",
    quantity="q",
    is_buyer_maker="m",
    agg_trade_id="t",
    first_trade_id="t",
    last_trade_id="t",
)


def feed(after: int, size: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the trades with ids above ``after``, in batches of this size."""
    trades = pl.read_parquet(SAMPLE).filter(pl.col("last_trade_id") > after)
    messages = trades.select(
        T=pl.col("timestamp").dt.epoch("us"),
        p=pl.col("price").cast(pl.String),
        q=pl.col("quantity").cast(pl.String),
        m="is_buyer_maker",
        t="last_trade_id",
    )
    for batch in messages.iter_slices(size):
        yield batch.to_dicts()


def run(folder: Path, size: int) -> None:
    """Process the feed from the position of the last run to its end."""
    processor = RangeBarProcessor(
        25, "BTCUSDT", include_microstructure=True, columns=COLUMNS, time_unit="us"
    )
    with BarRecorder(folder, processor) as recorder:
        last: Any = recorder.position["agg_trade_id"].max()
        for trades in feed(last or 0, size):
            bars = recorder.process_trades(trades)
            print(f"{len(trades)} trades: {bars.height} bars", flush=True)


def main(folder: Path, size: int = 1_000) -> None:
    """Run, and print the result."""
    run(folder, size)
    bars = scan_recorded_bars(folder).collect()
    print(f"{bars.height} bars of BTCUSDT in {folder}, the last closed at {bars['close'][-1]}")


if __name__ == "__main__":
    main(
        Path(sys.argv[1] if len(sys.argv) > 1 else "live-bars"),
        int(sys.argv[2]) if len(sys.argv) > 2 else 1_000,  # noqa: PLR2004 - the second argument
    )
