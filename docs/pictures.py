"""The pictures of the pages: `make pictures` draws them.

Those of features are drawn from the sample of real trades, those of speed from what was measured:
the tables of benches/RESULTS.md, and the seconds of other packages.
"""

import math
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import altair as alt
import polars as pl

import rangebar_polars as rb
from rangebar_polars.schema import COLUMNS, INTRA, LOOKBACK, VPIN

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "benches"))

from peer_tables import OURS, RANGE, Call, saved  # noqa: E402 - it is found by the line above

FOLDER = ROOT / "docs" / "pictures"
Chart = alt.VConcatChart | alt.LayerChart | alt.FacetChart

NAMES_OF_MARKS = False
"""For screen readers. They would be four fifths of a file, and the page has a text."""
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#8C8C8C"

THRESHOLDS = {25: BLUE, 10: VERMILION}
"""The bars whose distributions are compared, and their colours."""
WINDOW = 200
"""The number of trades before a bar that its `lookback_` columns describe."""
BUCKETS = rb.Vpin(bucket_volume=2.0, buckets=20)
BINS = 30
QUANTILES = (0.02, 0.25, 0.75, 0.98)
LOGARITHMIC_FROM = 100.0
"""The least ratio of the last quantile to the first, above 0, for which an axis is logarithmic."""


def pictures() -> dict[str, Chart]:
    """Return each chart by the name of its file, below the folder and without its ending."""
    trades = pl.scan_parquet(ROOT / "examples" / "btcusdt-trades.parquet")
    bars = rb.bars(trades, 25, include_microstructure=True).collect()
    candles = rb.plot_bars(
        bars, panes=(), units={"price": "USDT"}, title="BTCUSDT, 0.025 %", width=640, height=180
    )
    features = [column.name for column in COLUMNS if column.group == "feature"]
    panes = {name: pane_of(bars, name) for name in features}
    statistics = [*features, *(column.name for column in (*INTRA, *LOOKBACK))]
    return {
        "bars": candles,
        "speed": speed(),
        "peers": peers(),
        **panes,
        **distributions(trades, statistics),
    }


def pane_of(bars: pl.DataFrame, feature: str) -> alt.VConcatChart:
    """Return the chart of one feature, without the candles and the title that all share."""
    chart = rb.plot_bars(bars, panes=[feature], width=640, height=400)
    del chart.vconcat[0]
    chart.title = ""
    chart.config.aria = NAMES_OF_MARKS
    return chart


def distributions(trades: pl.LazyFrame, columns: Iterable[str]) -> dict[str, Chart]:
    """Return a picture of the distribution of each of some columns, and of the vpin."""
    names = list(columns)
    bars = {
        threshold: rb.bars(
            trades, threshold, features=names, lookback=WINDOW, vpin=BUCKETS
        ).collect()
        for threshold in THRESHOLDS
    }
    return {f"distributions/{name}": distribution(name, bars) for name in (*names, VPIN.name)}


def distribution(column: str, bars: dict[int, pl.DataFrame]) -> Chart:
    """Return the shares of bars by the value of a column, for each threshold."""
    values = {name_of(t): frame[column].drop_nulls() for t, frame in bars.items()}
    bins = Bins.of(pl.concat(values.values()))
    shares = pl.concat(
        pl.DataFrame({"bars": name, "value": bins.edges, "share": bins.shares(found)})
        for name, found in values.items()
    )
    medians = pl.DataFrame(
        {"bars": [*values], "value": [found.median() for found in values.values()]}
    )
    wide, narrow = values
    across = alt.X("value:Q").scale(bins.scale).axis(bins.axis).title(column)
    colour = (
        alt.Color("bars:N")
        .scale(domain=[*values], range=[*THRESHOLDS.values()])
        .title(None)
        .legend(orient="top", offset=4, padding=0)
    )
    steps = alt.Chart(shares).encode(
        across, colour, alt.Y("share:Q").title("share of bars").axis(format="%", tickCount=3)
    )
    chart: Chart = (
        alt.layer(
            steps.transform_filter(alt.datum.bars == wide).mark_area(
                interpolate="step-after", opacity=0.45
            ),
            steps.transform_filter(alt.datum.bars == narrow).mark_line(
                interpolate="step-after", strokeWidth=1.5
            ),
            alt.Chart(medians).mark_rule(strokeDash=[4, 3], strokeWidth=1.5).encode(across, colour),
        )
        .properties(width=296, height=110, title=nulls_of(column, bars))
        .configure(aria=NAMES_OF_MARKS)
        .configure_title(anchor="start", fontSize=11, fontWeight="normal")
    )
    return chart


def name_of(threshold: int) -> str:
    """Return how the legend names bars of a threshold."""
    return f"{threshold / 1000:g} %"


def nulls_of(column: str, bars: dict[int, pl.DataFrame]) -> str:
    """Return in how many bars a column is null."""
    counts = (
        f"{frame[column].null_count()} of {frame.height} bars of {name_of(threshold)}"
        for threshold, frame in bars.items()
    )
    return f"null: {', '.join(counts)}"


@dataclass(frozen=True)
class Bins:
    """The bins of a distribution, of one width on their axis.

    Attributes
    ----------
    edges
        Where they begin, and where the last one ends.
    is_logarithmic
        Whether the axis is.
    """

    edges: list[float]
    is_logarithmic: bool

    @classmethod
    def of(cls, values: pl.Series) -> "Bins":
        """Return bins from the 2 % to the 98 % quantile of some values.

        Where a few values are far away, they reach no farther than four times the distance of the
        quartiles from them. Bins of whole numbers are whole numbers wide, so that each has as many.
        """
        found = values.sort().cast(pl.Float64).to_list()
        low, first, third, high = (found[int(q * (len(found) - 1))] for q in QUANTILES)
        if low > 0 and high / low >= LOGARITHMIC_FROM:
            step = math.log10(high / low) / BINS
            return cls([low * 10 ** (step * i) for i in range(BINS + 1)], is_logarithmic=True)
        if third > first:
            low = max(low, first - 4 * (third - first))
            high = min(high, third + 4 * (third - first))
        elif low == high:
            low, high = low - 0.5, high + 0.5
        width = (high - low) / BINS
        if values.dtype.is_integer():
            width = math.ceil(width)
        return cls([low + width * i for i in range(BINS + 1)], is_logarithmic=False)

    def shares(self, values: pl.Series) -> list[float]:
        """Return the share of the values in each bin, and again that of the last, where it ends.

        The outermost bins hold what lies beyond them, too.
        """
        low, high = self.edges[0], self.edges[-1]
        found = values.cast(pl.Float64).clip(low, high)
        if self.is_logarithmic:
            low, high, found = math.log10(low), math.log10(high), found.log(10)
        places = ((found - low) / (high - low) * BINS).floor().cast(pl.Int64).clip(0, BINS - 1)
        counts = [int((places == place).sum()) / len(values) for place in range(BINS)]
        return [*counts, counts[-1]]

    @property
    def scale(self) -> alt.Scale:
        """The scale of the axis."""
        domain = [self.edges[0], self.edges[-1]]
        if self.is_logarithmic:
            return alt.Scale(type="log", domain=domain, nice=False)
        return alt.Scale(domain=domain, nice=False)

    @property
    def axis(self) -> alt.Axis:
        """The axis: powers of ten where it is logarithmic."""
        if not self.is_logarithmic:
            return alt.Axis(grid=False, tickCount=5)
        first, last = (round(math.log10(edge)) for edge in (self.edges[0], self.edges[-1]))
        # 1M, but 0.1 and not 100m.
        kind = "~s" if self.edges[0] >= 1 else "~g"
        return alt.Axis(
            grid=False, values=[10.0**power for power in range(first, last + 1)], format=kind
        )


def results() -> str:
    """Return the page of the measured tables."""
    return (ROOT / "benches" / "RESULTS.md").read_text(encoding="utf-8")


def speed() -> Chart:
    """Return the chart of the table of times by the number of bars."""
    row = re.compile(
        r"^\| `bars\(\d+\)`, ([\d,]+) bars \| ([\d.]+) s[^|]*\| ([\d.]+) s", re.MULTILINE
    )
    found = row.findall(results())
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
        alt.Color("columns:N").scale(range=[BLUE, VERMILION]).title(None),
    )
    return alt.layer(chart.mark_line(), chart.mark_point(filled=True)).properties(
        width=560, height=220
    )


LIMIT, OTHER = "a limit", "another package"
KINDS = (
    alt.Color("kind:N")
    .scale(domain=[OURS, LIMIT, OTHER], range=[BLUE, GREY, VERMILION])
    .title(None)
    .legend(orient="top")
)
MILLISECONDS = (
    alt.X("milliseconds:Q")
    .scale(type="log", domain=[0.1, 100_000])
    .axis(format="~g", values=[0.1, 1, 10, 100, 1_000, 10_000, 100_000])
)


def peers() -> Chart:
    """Return the chart of the calls of other packages, whose tables are in benches/RESULTS.md."""
    calls = saved()
    ours = {call.rule: call for call in calls if call.name == OURS}
    rows = [
        {
            "kind": kind_of(call.name),
            "rule": call.rule,
            "name": call.name.partition(",")[0],
            "milliseconds": median(call.seconds) * 1e3,
            "text": said(call, ours[call.rule]),
        }
        for call in calls
    ]
    of_range = pl.col("rule") == RANGE
    frame = pl.DataFrame(rows)
    title = "Range bars of 0.25 %, a million trades"
    chart: Chart = (
        alt.vconcat(
            points(frame.filter(of_range)).properties(width=380, height=140, title=title),
            of_rules(frame.filter(~of_range)),
            spacing=24,
        )
        .resolve_scale(color="shared")
        .configure(aria=NAMES_OF_MARKS)
        .configure_axis(labelLimit=320)
        .configure_title(anchor="start")
    )
    return chart


def kind_of(name: str) -> str:
    """Return whether a call is ours, a limit or another package's."""
    return OURS if name == OURS else LIMIT if name.startswith(("the ", "a ")) else OTHER


def said(call: Call, ours: Call) -> str:
    """Return the text beside a point."""
    if call.name == OURS:
        return f"{call.milliseconds} ms"
    ratio = median(call.ratios(ours))
    note = ", other bars" if call.note == "other bars" else ""
    return f"{call.milliseconds} ms, {ratio:.3g} times ours{note}"


def points(frame: pl.DataFrame) -> alt.LayerChart:
    """Return a row with a point for each call, the quickest first."""
    base = alt.Chart(frame).encode(
        alt.Y("name:N").sort(field="milliseconds").title(None), MILLISECONDS.title("milliseconds")
    )
    return alt.LayerChart(
        layer=[
            base.mark_point(filled=True, opacity=1, size=80).encode(KINDS),
            base.mark_text(align="left", dx=9).encode(alt.Text("text:N")),
        ]
    )


def of_rules(frame: pl.DataFrame) -> Chart:
    """Return the rows of each rule below its name."""
    chart: Chart = (
        points(frame)
        .properties(width=380, height=alt.Step(20))
        .facet(
            row=alt.Row("rule:N")
            .title(None)
            .header(
                labelAngle=0,
                labelAnchor="start",
                labelBaseline="line-bottom",
                labelFontWeight="bold",
                labelOrient="top",
                labelPadding=2,
            ),
            spacing=8,
        )
        .resolve_scale(y="independent")
        .properties(title="Other rules, the same trades")
    )
    return chart


if __name__ == "__main__":
    for name, picture in pictures().items():
        path = FOLDER / f"{name}.svg"
        path.parent.mkdir(exist_ok=True)
        picture.save(path)
