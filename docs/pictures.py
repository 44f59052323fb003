"""The pictures of the features: `make pictures` draws them from the sample of real trades."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

import rangebar_polars as rb

if TYPE_CHECKING:
    import altair as alt

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"


def pictures() -> "dict[str, alt.VConcatChart]":
    """Return a chart of bars, and of each feature of these bars, by the names of their files."""
    trades = pl.scan_parquet(ROOT / "examples" / "btcusdt-trades.parquet")
    bars = rb.bars(trades, 25, include_microstructure=True).collect()
    candles = rb.plot_bars(
        bars, panes=(), units={"price": "USDT"}, title="BTCUSDT, 0.025 %", width=640, height=180
    )
    return {"bars": candles} | {name: pane_of(bars, name) for name in rb.features.__all__}


def pane_of(bars: pl.DataFrame, feature: str) -> "alt.VConcatChart":
    """Return the chart of one feature, without the candles and the title that all share."""
    chart = rb.plot_bars(bars, panes=[feature], width=640, height=400)
    del chart.vconcat[0]
    chart.title = ""
    # Names of marks for screen readers would be four fifths of the file; the page has a text.
    chart.config.aria = False
    return chart


if __name__ == "__main__":
    for name, picture in pictures().items():
        picture.save(FOLDER / f"{name}.svg")
