"""Record where bars of other libraries end; see README.md."""

import json
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, metadata
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


def licence_of(library: str) -> str:
    """Return the licence that a distribution states."""
    found = metadata(library).json
    return str(found.get("license_expression") or found.get("license") or "none stated")


def main() -> None:
    """Record every call whose library is installed, and keep what was recorded of the others."""
    sys.path.insert(0, str(ROOT / "benches"))
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    libraries, ends = recorded.get("libraries", {}), recorded.get("ends", {})
    for name, (library, call) in calls(import_module("peers")).items():
        try:
            metadata(library)
        except PackageNotFoundError:
            continue
        ends[name] = call()
        libraries[library] = {
            "version": metadata(library)["Version"],
            "licence": licence_of(library),
        }
    lines = [f'  "{name}": {json.dumps(rows)}' for name, rows in sorted(ends.items())]
    text = f'{{"libraries": {json.dumps(libraries, sort_keys=True, indent=1)},\n"ends": {{\n'
    RECORDED.write_text(text + ",\n".join(lines) + "\n}}\n")


if __name__ == "__main__":
    main()
