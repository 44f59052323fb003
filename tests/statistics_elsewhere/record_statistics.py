"""Record the statistics of bars as other libraries compute them; see README.md."""

import json
import math
import sys
from importlib.metadata import version
from pathlib import Path

import polars as pl

import rangebar_polars as rb

if __name__ == "__main__":
    # Tests import every module.
    import antropy  # type: ignore[import-not-found]
    import numpy as np
    import scipy.stats
    from arch.unitroot import VarianceRatio  # type: ignore[import-not-found]

TRADES = Path(__file__).parents[2] / "examples" / "btcusdt-trades.parquet"
THRESHOLD = 25
RECORDED = Path(__file__).with_name("recorded.json")


def statistics(trades: pl.DataFrame) -> dict[str, float | None]:
    """Return the statistics of the trades of a bar that the libraries have."""
    price, quantity = trades["price"].to_numpy(), trades["quantity"].to_numpy()
    time = trades["timestamp"].to_physical().to_numpy()
    signed = np.where(trades["is_buyer_maker"].to_numpy(), -quantity, quantity)
    moves, waits = np.diff(price), np.diff(time)
    found: dict[str, float | None] = {
        "realized_volatility": float(np.sqrt(np.sum((moves / price[:-1]) ** 2))),
        "kyle_lambda_ols": float(np.linalg.lstsq(signed[1:, None], moves, rcond=None)[0][0]),
        "volume_skew": float(scipy.stats.skew(quantity)),
        "volume_kurt": float(scipy.stats.kurtosis(quantity)),
        "burstiness": float((waits.std() - waits.mean()) / (waits.std() + waits.mean())),
    }
    covariance = np.cov(moves[1:], moves[:-1])[0, 1]
    found["roll_spread"] = 2 * math.sqrt(-covariance) if covariance < 0 else None
    if len(price) >= 60:
        found["permutation_entropy"] = float(antropy.perm_entropy(price, 3, normalize=True))
    if len(price) >= 21:
        found["variance_ratio"] = float(VarianceRatio(price, lags=10, debiased=True).vr)
    return found


def main() -> None:
    """Write the statistics of every bar of the sample."""
    trades = pl.read_parquet(TRADES)
    bars = trades.group_by(rb.bar_id(THRESHOLD), maintain_order=True)
    libraries = {name: version(name) for name in ("antropy", "arch", "numpy", "scipy")}
    rows = [statistics(of_bar) for _, of_bar in bars if of_bar.height > 3]
    RECORDED.write_text(json.dumps({"libraries": libraries, "bars": rows}, indent=0) + "\n")
    sys.stdout.write(f"{len(rows)} bars\n")


if __name__ == "__main__":
    main()
