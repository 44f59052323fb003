"""An archive that grows by a day: continue where the last run stopped, without reading it again.

The first run saves its checkpoint in a file. The second starts from it, once with
``bars_with_state``, which gives the next checkpoint too, and once as a plan with ``state``.
"""

import datetime as dt
import tempfile
from pathlib import Path

import polars as pl

import rangebar_polars as rb

SAMPLE = Path(__file__).with_name("btcusdt-trades.parquet")
MIDNIGHT = dt.datetime(2024, 8, 9, tzinfo=dt.UTC)
THRESHOLD = 25
SHOWN = ["open_time", "open", "high", "low", "close", "volume"]


def main(checkpoint: Path) -> None:
    """Compute the bars of two days in two runs and compare them with those of one run."""
    trades = pl.scan_parquet(SAMPLE)
    day_one = trades.filter(pl.col("timestamp") < MIDNIGHT)
    day_two = trades.filter(pl.col("timestamp") >= MIDNIGHT)

    first, state = rb.bars_with_state(day_one, THRESHOLD, symbol="BTCUSDT")
    checkpoint.write_bytes(state)
    print(f"first run: {first.height} bars, a checkpoint of {len(state)} bytes")

    stopped = rb.RangeBarProcessor.from_checkpoint(checkpoint.read_bytes(), symbol="BTCUSDT")
    open_bar = stopped.get_incomplete_bar()
    if open_bar is not None:
        print("it stopped in the middle of this bar:")
        print(open_bar.select(SHOWN))

    state = checkpoint.read_bytes()
    second, state = rb.bars_with_state(day_two, THRESHOLD, state=state, symbol="BTCUSDT")
    print(f"second run: {second.height} bars; the first is that bar, closed:")
    print(second.select(SHOWN).head(1))

    planned = rb.bars(day_two, THRESHOLD, state=checkpoint.read_bytes()).collect()
    checkpoint.write_bytes(state)
    whole = rb.bars(trades, THRESHOLD).collect()
    print(f"the same as a plan: {planned.equals(second)}")
    print(f"together the bars of one run: {pl.concat([first, second]).equals(whole)}")


if __name__ == "__main__":
    shown = pl.Config(float_precision=3, tbl_width_chars=100, tbl_hide_dataframe_shape=True)
    with shown, tempfile.TemporaryDirectory() as folder:
        main(Path(folder, "BTCUSDT.checkpoint"))
