"""States whose checkpoints are frozen, and the bars that come after: what the golden files hold."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

import rangebar_polars as rb
from support.lookback_reference import COLUMNS
from support.statistics import STATISTICS
from support.trades import trades, walk

_DAY = 86_400_000


class State(NamedTuple):
    """A processor's options, the trades before the checkpoint, and those after."""

    options: Mapping[str, Any]
    before: pl.DataFrame | None
    after: pl.DataFrame

    def processor(self) -> rb.RangeBarProcessor:
        """Return a processor in this state."""
        processor = rb.RangeBarProcessor(**self.options)
        if self.before is not None:
            processor.process_trades(self.before)
        return processor

    def whole(self) -> pl.DataFrame:
        """Return the trades in one piece."""
        return self.after if self.before is None else pl.concat([self.before, self.after])


def _split(options: Mapping[str, Any], frame: pl.DataFrame, at: int) -> State:
    return State(options, frame.head(at), frame.tail(frame.height - at))


_HUGE = trades(
    [9e10, 9e10 + 1, 9.2e10],
    [-(2**40), -(2**40) + 7, 2**40],
    quantity=[1e6, 9e10, 1.0],
    sold=[True, None, False],
    ids=[2**62, 2**62 + 1, 2**62 + 2],
    counted=[(-(2**40), 2**62), (0, 2**61), (None, 3)],
    unit="us",
    zone="America/Argentina/ComodRivadavia",
)
MICRO: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}
STATES: Mapping[str, State] = {
    "nothing-seen": State({"threshold_decimal_bps": 250}, None, walk(400)),
    "between-two-bars": _split({"threshold_decimal_bps": 250}, trades([100, 101, 102, 103]), 2),
    "an-open-bar": _split(
        {"threshold_decimal_bps": 100, "symbol": "BTCUSDT", **MICRO}, walk(400), 200
    ),
    "a-reset-by-week": _split(
        {"threshold_decimal_bps": 250, "symbol": "Ωmega", "reset": "week", **MICRO},
        trades([100, 100.1, 100, 101, 100], [0, _DAY, 3 * _DAY, 4 * _DAY, 5 * _DAY], unit="ms"),
        3,
    ),
    "no-gate": _split(
        {"threshold_decimal_bps": 1, "prevent_same_timestamp_close": False},
        trades([100, 100, 100.001, 101], [7, 7, 7, 7], ids=[1, None, 2, 3], unit="ns", zone="UTC"),
        2,
    ),
    "sums-of-full-width": _split(
        {"threshold_decimal_bps": 100_000, "symbol": "x" * 128, "reset": None, **MICRO}, _HUGE, 2
    ),
    "every-statistic": _split(
        {"threshold_decimal_bps": 1_000, "features": [f"intra_{name}" for name in STATISTICS]},
        walk(400),
        300,
    ),
    "a-footprint": _split(
        {"threshold_decimal_bps": 1_000, "footprint": rb.Footprint(0.25, imbalance=200)},
        walk(400),
        300,
    ),
    "a-lookback": _split(
        {"threshold_decimal_bps": 60, "lookback": 20, "features": [*COLUMNS[:7], "intra_amihud"]},
        walk(400),
        300,
    ),
    "a-vpin": _split({"threshold_decimal_bps": 60, "vpin": rb.Vpin(4.0, 3)}, walk(400), 300),
    "a-lookback-by-time": _split(
        {"threshold_decimal_bps": 60, "lookback": "9s", "features": ["lookback_kaufman_er"]},
        walk(400),
        300,
    ),
}
"""By the name of the golden file."""
