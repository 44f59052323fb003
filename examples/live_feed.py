"""Range bars of a live feed that survive a kill at any moment.

Three rules keep the folder correct at every moment, however the process ends:

1. A file is written beside its place, flushed to the disk, and then renamed: it is there whole or
   not at all.
2. The bars of a batch are written before the checkpoint of the state after that batch, to a file
   named by the position *before* the batch. The rename of the checkpoint is the one moment at which
   a batch counts; bars at or beyond the checkpoint's position do not count yet.
3. A restart continues from the checkpoint, removes the bars that do not count, and asks the feed
   for what follows the checkpoint's position.

Here the feed replays the sample from any position, as an exchange's "trades since id" does, in the
messages of a socket: short names, prices as text, times as whole numbers of microseconds.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl

from rangebar_polars import RangeBarProcessor, TradeColumns

SAMPLE = Path(__file__).with_name("btcusdt-trades.parquet")
SYMBOL = "BTCUSDT"
THRESHOLD = 25
TIME_UNIT: Final = "us"
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
CHECKPOINT = "state.checkpoint"


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


def position(processor: RangeBarProcessor) -> int:
    """Return the id of the last trade, 0 before the first."""
    last = processor.position["agg_trade_id"]
    return last.item() if last.len() else 0


def put(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all, even if the power fails."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    if hasattr(os, "O_DIRECTORY"):  # Windows cannot open folders
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the new name must reach the disk too
        finally:
            os.close(folder)


def restored(folder: Path) -> RangeBarProcessor:
    """Return the processor of the last checkpoint, or a new one."""
    try:
        data = (folder / CHECKPOINT).read_bytes()
    except FileNotFoundError:
        return RangeBarProcessor(
            THRESHOLD, SYMBOL, include_microstructure=True, columns=COLUMNS, time_unit=TIME_UNIT
        )
    return RangeBarProcessor.from_checkpoint(
        data,
        symbol=SYMBOL,
        threshold_decimal_bps=THRESHOLD,
        columns=COLUMNS,
        time_unit=TIME_UNIT,
    )


def files(folder: Path) -> dict[int, Path]:
    """Return the files of bars by the position before their batch, ascending."""
    return {int(path.stem): path for path in sorted(folder.glob("*.bars"))}


def saved_bars(folder: Path) -> pl.DataFrame:
    """Return the bars that count: those below the checkpoint's position."""
    end = position(restored(folder))
    frames = [pl.read_ipc(path) for start, path in files(folder).items() if start < end]
    return pl.concat(frames) if frames else pl.DataFrame()


def run(folder: Path, size: int) -> None:
    """Process the feed from the position of the last run to its end."""
    folder.mkdir(parents=True, exist_ok=True)
    processor = restored(folder)
    for start, path in files(folder).items():
        if start >= position(processor):
            path.unlink()
    for trades in feed(position(processor), size):
        start = position(processor)
        bars = processor.process_trades(trades)
        if bars.height > 0:
            put(folder / f"{start:020}.bars", bars.write_ipc(None).getvalue())
        put(folder / CHECKPOINT, processor.create_checkpoint())
        print(
            f"{len(trades)} trades up to id {position(processor)}: {bars.height} bars", flush=True
        )


def main(folder: Path, size: int = 1_000) -> None:
    """Run, and print the result."""
    run(folder, size)
    bars = saved_bars(folder)
    print(f"{bars.height} bars of {SYMBOL} in {folder}, the last closed at {bars['close'][-1]}")


if __name__ == "__main__":
    main(
        Path(sys.argv[1] if len(sys.argv) > 1 else "live-bars"),
        int(sys.argv[2]) if len(sys.argv) > 2 else 1_000,  # noqa: PLR2004 - the second argument
    )
