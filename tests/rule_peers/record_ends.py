"""Record where bars of other libraries end; see README.md."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RECORDED = HERE / "recorded.json"
RECORDS = 5_000
"""The records of the sample that are cut."""


def sample() -> pl.DataFrame:
    """Return the trades of which bars are recorded."""
    return pl.read_parquet(ROOT / "examples" / "btcusdt-trades.parquet").head(RECORDS)


def apart(trades: pl.DataFrame) -> pl.DataFrame:
    """Return the first record of each time."""
    return trades.unique("timestamp", keep="first", maintain_order=True)


def made_up(prices: Sequence[float]) -> pl.DataFrame:
    """Return trades of these prices, a second apart."""
    times = pl.Series([1_000_000 * row for row in range(len(prices))], dtype=pl.Int64)
    return pl.DataFrame(
        {
            "timestamp": times.cast(pl.Datetime("us", "UTC")),
            "price": pl.Series(prices, dtype=pl.Float64),
            "quantity": pl.Series([1.0] * len(prices)),
        }
    )


RISING = [float(price) for price in range(1, 41)]
DOUBLED = [1.0, 2.0, 3.0, 7.0]


def calls(peers: Any) -> dict[str, tuple[str, Callable[[], list[int]]]]:  # noqa: ANN401 - a module
    """Return what is recorded: the library, and the call."""
    trades = sample()
    every = {
        name: (peer.library, lambda peer=peer: peer.ends(trades))
        for name, peer in peers.PEERS.items()
    }
    return every | {
        "finmlkit cusum-10, times apart": (
            "finmlkit",
            lambda: peers.finmlkit_cusum(apart(trades)),
        ),
        "polars-trading volume-5, split": (
            "polars-trading",
            lambda: peers.polars_trading_splits(trades),
        ),
        "mlfinpy cusum-100000, doubled": (
            "mlfinpy",
            lambda: peers.mlfinpy_cusum(made_up(DOUBLED), 100_000),
        ),
        "mlfinpy imbalance, rising": (
            "mlfinpy",
            lambda: peers.mlfinpy_imbalance(made_up(RISING), 5, 10),
        ),
    }


def main() -> None:
    """Record the calls of the libraries that are installed."""
    sys.path[:0] = [str(ROOT / "benches"), str(ROOT / "tests")]
    record: Any = import_module("support.peer_records").record
    record(RECORDED, calls(import_module("peers")), under="ends")


if __name__ == "__main__":
    main()
