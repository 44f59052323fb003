"""One call of a peer, in the environment of that peer: `peer_times.py` starts it.

    python benches/peer_call.py NAME trades.parquet closes.npz

NAME is a function of this file, a call of `peers.py` such as "tickbar tick-100", or the text of a
rule for our own bars.

It reads the trades, calls the function twice and times the second call, after which everything is
compiled and loaded. The times, in
milliseconds, and the prices with which bars close are written, and the seconds are printed. A
function for each peer prepares the trades as that peer wants them, which does not count.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from peers import PEERS

Closes = tuple[Any, Any]
Call = Callable[[], Any]
Read = Callable[[Any], Closes]
THRESHOLD = 250


def rangebar_py(trades: pl.DataFrame) -> tuple[Call, Read]:
    """Return the call of the package that users of rangebar-py know, 7.1.3 and 9.1.0."""
    import rangebar  # noqa: PLC0415 - only in its environment

    whole = trades.with_columns(pl.col("timestamp").to_physical())
    return lambda: rangebar.process_trades_polars(whole, THRESHOLD), of_pandas


def opendeviationbar(trades: pl.DataFrame) -> tuple[Call, Read]:
    """Return the call of the later name of rangebar-py."""
    import opendeviationbar as later  # noqa: PLC0415 - only in its environment

    whole = trades.with_columns(pl.col("timestamp").to_physical())
    return lambda: later.process_trades_polars(whole, THRESHOLD), of_pandas


def loop_by_hand(trades: pl.DataFrame) -> tuple[Call, Read]:
    """Return the call of the compiled loop."""
    from loop import loop  # noqa: PLC0415 - only in its environment

    columns = [trades[name].to_physical().to_numpy() for name in ("timestamp", "price", "quantity")]
    return lambda: loop(*columns, THRESHOLD), lambda made: (made[1], made[5])


def sum_of_columns(trades: pl.DataFrame) -> tuple[Call, Read]:
    """Return the call of what no bars can be faster than: each value is looked at once."""
    three = trades.select(pl.col("timestamp").to_physical(), "price", "quantity")
    return lambda: three.select(pl.all().sum()), lambda _: ((), ())


def of_rule(text: str, trades: pl.DataFrame) -> tuple[Call, Read]:
    """Return our own call with a rule."""
    import rangebar_polars as rb  # noqa: PLC0415 - only in its environment

    rule = rb.parse_rule(text)
    return lambda: rb.bars(trades, rule=rule), of_polars


def of_library(name: str, trades: pl.DataFrame) -> tuple[Call, Read]:
    """Return the quickest call of a library, whose bars close with the rows of another one."""
    peer = PEERS[name]

    def read(made: Any) -> Closes:  # noqa: ANN401 - bars, or rows at which they end
        ends = peer.ends(trades)
        assert len(made) == len(ends), "another number of bars than one trade at a time gives"
        rows = trades[ends]
        return rows["timestamp"].to_physical().to_numpy(), rows["price"].to_numpy()

    return lambda: (peer.bars or peer.ends)(trades), read


CALLS = {
    call.__name__: call for call in (rangebar_py, opendeviationbar, loop_by_hand, sum_of_columns)
}


def of_polars(bars: Any) -> Closes:  # noqa: ANN401 - a frame
    """Return the closes of a frame of Polars."""
    times = bars["close_time"].dt.cast_time_unit("ms").to_physical()
    return times.to_numpy(), bars["close"].to_numpy()


def of_pandas(bars: Any) -> Closes:  # noqa: ANN401 - a frame
    """Return the closes of a frame of pandas whose index is the time of the close."""
    times = bars.index.tz_localize(None).to_numpy().astype("datetime64[ms]").astype(np.int64)
    return times, bars["Close"].to_numpy()


def main() -> None:
    """Time the call."""
    name, path, closes = sys.argv[1:]
    trades = pl.read_parquet(path).rechunk()
    if name in CALLS:
        call, read = CALLS[name](trades)
    elif name in PEERS:
        call, read = of_library(name, trades)
    else:
        call, read = of_rule(name, trades)
    call()
    began = time.perf_counter()
    made = call()
    seconds = time.perf_counter() - began
    times, prices = read(made)
    np.savez(Path(closes), times=np.asarray(times), prices=np.asarray(prices))
    print(seconds)


if __name__ == "__main__":
    main()
