"""What other libraries made of trades, and of the same trades our bars and groups."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl
import pytest

import rangebar_polars as rb
from support.peer_records import loaded

record: Final = loaded(Path(__file__).parents[1] / "feature_peers" / "record_features.py")
RECORDED: Final = json.loads(record.RECORDED.read_text(encoding="utf-8"))
RESULTS: Final[dict[str, Any]] = RECORDED["results"]
TRADES: Final[pl.DataFrame] = record.sample()
RULE: Final = rb.TickRule(record.RUN)
TIGHT: Final = 1e-9
"""Relative: floats lose what differences of large sums cancel."""
FLOAT32: Final = 1e-6
"""Relative: a sum in single precision."""


def near(ours: Sequence[float | None] | pl.Series, theirs: Any, rel: float = TIGHT) -> bool:  # noqa: ANN401 - what JSON has
    """Return whether figures are the same but for rounding, null where the others are."""
    nulls, known = [[value is None for value in values] for values in (ours, theirs)]
    return nulls == known and [value for value in ours if value is not None] == pytest.approx(
        [value for value in theirs if value is not None], rel=rel, abs=1e-12
    )


def of_runs(*expressions: pl.Expr, trades: pl.DataFrame = TRADES) -> pl.DataFrame:
    """Return what expressions are of the trades of each run."""
    run = pl.int_range(pl.len()) // record.RUN
    return trades.group_by(run.alias("run"), maintain_order=True).agg(*expressions).drop("run")
