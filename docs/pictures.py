"""The pictures of the pages: `make pictures` draws them.

Those of features are drawn from the sample of real trades, that of speed from the measured table in
benches/RESULTS.md.
"""

import re
from pathlib import Path

import altair as alt
import polars as pl

import rangebar_polars as rb
from rangebar_polars.schema import COLUMNS

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
Chart = alt.VConcatChart | alt.LayerChart | alt.FacetChart


def pictures() -> dict[str, Chart]:
    """Return a chart of bars, of each of their features, and of speed, by names of files."""
    trades = pl.scan_parquet(ROOT / "examples" / "btcusdt-trades.parquet")
    bars = rb.bars(trades, 25, include_microstructure=True).collect()
    candles = rb.plot_bars(
        bars, panes=(), units={"price": "USDT"}, title="BTCUSDT, 0.025 %", width=640, height=180
    )
    features = [column.name for column in COLUMNS if column.group == "feature"]
    panes = {name: pane_of(bars, name) for name in features}
    return {"bars": candles, "speed": speed(), **panes}


def pane_of(bars: pl.DataFrame, feature: str) -> alt.VConcatChart:
    """Return the chart of one feature, without the candles and the title that all share."""
    chart = rb.plot_bars(bars, panes=[feature], width=640, height=400)
    del chart.vconcat[0]
    chart.title = ""
    # Names of marks for screen readers would be four fifths of the file; the page has a text.
    chart.config.aria = False
    return chart


def speed() -> Chart:
    """Return the chart of the table of times by the number of bars."""
    row = re.compile(
        r"^\| `bars\(\d+\)`, ([\d,]+) bars \| ([\d.]+) s[^|]*\| ([\d.]+) s", re.MULTILINE
    )
    found = row.findall((ROOT / "benches" / "RESULTS.md").read_text(encoding="utf-8"))
    if not found:
        raise SystemExit("benches/RESULTS.md has no row of a time by the number of bars")
    times = pl.DataFrame(
        [(int(bars.replace(",", "")), float(seven), float(every)) for bars, seven, every in found],
        schema=["bars", "seven columns", "all features"],
        orient="row",
    ).unpivot(index="bars", variable_name="columns", value_name="seconds")
    chart = alt.Chart(times).encode(
        alt.X("bars:Q").title("bars of 5 million trades"),
        alt.Y("seconds:Q").title("seconds, one thread"),
        alt.Color("columns:N").scale(range=["#0072B2", "#D55E00"]).title(None),
    )
    return alt.layer(chart.mark_line(), chart.mark_point(filled=True)).properties(
        width=560, height=220
    )


if __name__ == "__main__":
    for name, picture in pictures().items():
        picture.save(FOLDER / f"{name}.svg")
