"""The picture that explains what a range bar is: prices, limits, and where bars end."""

from typing import TYPE_CHECKING, Any, Final, SupportsIndex

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core.arguments import SingleThreshold, check_count, check_threshold
from rangebar_polars._core.borders import Borders
from rangebar_polars._core.options import Options
from rangebar_polars._plot import cut_trades, number_axis
from rangebar_polars._plot.chains import threshold_text
from rangebar_polars._plot.cut_trades import CutTrades
from rangebar_polars._plot.extra import alt, check_altair
from rangebar_polars._plot.number_axis import NUMBER
from rangebar_polars._plot.offline_chart import inline_data, zoomed
from rangebar_polars._plot.style import DOWN, INK, NEUTRAL, UP, styled
from rangebar_polars._plot.value_axis import one_series, price_format, price_scale, titled_above
from rangebar_polars.schema import TradeColumns

if TYPE_CHECKING:
    from rangebar_polars.schema import ArrowStream

_TRADES: Final = "trades"
_ROLES: Final = {
    cut_trades.OPENS: ("circle", INK, 28),
    cut_trades.CLOSES_UP: ("triangle-up", UP, 120),
    cut_trades.CLOSES_DOWN: ("triangle-down", DOWN, 120),
    cut_trades.BLOCKED: ("cross", NEUTRAL, 30),
    cut_trades.CUT_OFF: ("square", NEUTRAL, 80),
}
"""Shape, colour and size of the trades that mean something to their bars.

The trade that opens a bar lies beside the one that closed the last, and so on top of it.
"""

_FEW: Final = 300
"""Trades up to which each has a point."""

_FEW_BARS: Final = 40
"""Bars up to which marks are large."""


@named
def plot_cuts(
    trades: "pl.DataFrame | pl.LazyFrame | ArrowStream",
    threshold_decimal_bps: SingleThreshold = 250,
    *,
    last: SupportsIndex | None = 10,
    reset: Borders | None = None,
    prevent_same_timestamp_close: bool = True,
    columns: TradeColumns | None = None,
    unit: str = "quote currency",
    width: SupportsIndex = 800,
    height: SupportsIndex = 360,
) -> "alt.VConcatChart":
    """Return a picture of how trades are cut into bars: prices, limits, and where bars end.

    Each bar is a band between its two limits, over the trades that it holds. The picture shows
    which trade opens a bar, which closes it at which limit, and which lie beyond a limit and do not
    close it, because they have the bar's opening time. It needs the extra ``plot``.

    Parameters
    ----------
    trades
        A DataFrame, a LazyFrame, or anything with ``__arrow_c_stream__``, sorted by time, as in
        `bars`. The columns that are read are in memory at once.
    threshold_decimal_bps
        As in `bars`; one threshold.
    last
        How many bars are drawn, the last ones, with the one that is open at the end; None for all.
    reset, prevent_same_timestamp_close, columns
        As in `bars`.
    unit
        The unit of prices, for the title of the axis.
    width, height
        Of the picture without its legends, in pixels of the layout.

    Returns
    -------
    altair.VConcatChart
        With a ``save`` as that of `plot_bars`. Of more than 4,000 trades, those are drawn that open
        and close bars, and of every few the lowest and the highest; the subtitle says how many.

    Raises
    ------
    TypeError, ValueError
        For a bad argument, or no trades.
    polars.exceptions.ComputeError
        For bad trades, as in `bars`.
    ModuleNotFoundError
        Altair is not installed.

    Notes
    -----
    With O the open as an integer at scale 1e8, the limits are ``max(1, ceil(O * threshold /
    100000))`` below and above it, and trades are compared with them as integers: the picture shows
    the limits by which bars are cut.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000, 3000]).cast(pl.Datetime("ms")),
    ...         "price": [50000.0, 50060.0, 50125.0, 50500.0],
    ...         "quantity": [1.0, 2.0, 0.5, 0.25],
    ...     }
    ... )
    >>> spec = rb.plot_cuts(trades, 250).to_dict()
    >>> [trade["role"] for trade in spec["data"]["values"]]
    ['opens a bar', None, 'closes it at the upper limit', 'opens a bar']
    >>> bars = spec["vconcat"][0]["layer"][1]["data"]["values"]
    >>> [(bar["lower"], bar["upper"], bar["ended"]) for bar in bars]
    [(49875.0, 50125.0, True), (50373.75, 50626.25, False)]
    """
    if not isinstance(unit, str):
        raise TypeError(f"unit is {unit!r}: expected a text")
    check_altair()
    options = Options.check(
        check_threshold(threshold_decimal_bps),
        columns=columns,
        reset=reset,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
    )
    count = None if last is None else check_count(last, "last")
    pixels = check_count(width, "width"), check_count(height, "height")
    found = cut_trades.cut(cut_trades.collected(trades, options), options, count)
    picture = _Picture(found, options.thresholds[0], unit)
    view = alt.LayerChart(layer=picture.layers(), width=pixels[0], height=pixels[1])
    title = alt.TitleParams(picture.title, subtitle=picture.subtitle())
    data = inline_data(_TRADES, picture.trades)
    return styled(zoomed("cuts", [view], data=data, title=title))


class _Picture:
    """The layers of a picture of cuts."""

    def __init__(self, found: CutTrades, threshold: int, unit: str) -> None:
        self._found, self._unit = found, unit
        self._distance = threshold_text(threshold)
        self.trades = found.trades
        # A bar covers its trades from the middle between two of them to the next.
        self._bars = found.bars.select(
            "bar",
            "open",
            "lower",
            "upper",
            "ended",
            begin=pl.col("begin") - 0.5,
            end=pl.col("end") + 0.5,
            shade=pl.int_range(pl.len()) % 2 == 0,
        )
        self._first = int(found.bars["begin"][0])
        self._last = int(found.bars["end"][-1])
        self._prices = one_series([self.trades["price"], self._bars["lower"], self._bars["upper"]])
        self._format = price_format(self._prices)

    @property
    def title(self) -> str:
        return f"How trades are cut into range bars of {self._distance}"

    def subtitle(self) -> list[str]:
        """Return the rule, and what is shown of how much."""
        found, count = self._found, self._last - self._first + 1
        span = number_axis.span_text(found.times, found.times)
        shown, every = found.bars.height, found.bar_count
        bars = f"{every:,}" if shown == every else f"last {shown:,} of {every:,}"
        drawn = "" if count == self.trades.height else f", {self.trades.height:,} of them drawn"
        open_bar = "" if found.bars["ended"][-1] else ", of which the last is open"
        trades = f"{count:,} {'trade' if count == 1 else 'trades'}{drawn}"
        return [
            f"A bar's first trade fixes two limits, {self._distance} above and below its price.",
            "The first later trade at or beyond one closes the bar; the next trade opens another.",
            f"{bars} {'bar' if every == 1 else 'bars'}{open_bar}; {trades}, {span}",
        ]

    def layers(self) -> "list[alt.Chart]":
        """Return the layers, the lowest first."""
        return [self._line(), *self._bands(), *self._points()]

    def _line(self) -> "alt.Chart":
        zone = number_axis.zone_of(self._found.times.dtype)
        title = f"trade number (from 0) and time{f' ({zone})' if zone else ''}"
        axis = number_axis.number_axis(_TRADES, self._first, self._last, title)
        scale = number_axis.number_scale(self._first, self._last)
        y = alt.Y(
            "price",
            type="quantitative",
            axis=titled_above(f"price ({self._unit})"),
            scale=price_scale(self._prices),
        )
        line: alt.Chart = (
            alt.Chart()
            .mark_line(color=INK, interpolate="step-after", strokeWidth=1)
            .encode(x=alt.X(NUMBER, type="quantitative", axis=axis, scale=scale), y=y)
        )
        return line

    def _of_bars(self, bars: pl.DataFrame, name: str) -> "alt.Chart":
        """Return a chart over the rows of bars."""
        prices = {"open": "open", "lower": "lower limit", "upper": "upper limit"}
        tooltip = [
            alt.Tooltip("bar", type="quantitative", title="bar", format=",d"),
            *(
                alt.Tooltip(field, type="quantitative", title=title, format=self._format)
                for field, title in prices.items()
                if field in bars.columns
            ),
        ]
        chart = alt.Chart(inline_data(name, bars))
        x = alt.X("begin", type="quantitative")
        return chart.encode(x=x, x2=alt.X2("end"), tooltip=tooltip)

    def _bands(self) -> "list[alt.Chart]":
        """Return what lies between the limits of each bar, and the lines at limits and open."""
        band = self._of_bars(self._bars, "bars").mark_rect(color=NEUTRAL)
        band = band.encode(
            y=alt.Y("lower", type="quantitative"),
            y2=alt.Y2("upper"),
            opacity=alt.condition("datum.shade", alt.value(0.14), alt.value(0.05)),
        )
        texts = {
            "upper": f"open + {self._distance}",
            "open": "open",
            "lower": f"open - {self._distance}",
        }
        lines = self._bars.unpivot(
            list(texts), index=["bar", "begin", "end"], variable_name="line", value_name="price"
        ).with_columns(pl.col("line").replace(texts))
        stroke = alt.Stroke(
            "line",
            type="nominal",
            scale=alt.Scale(domain=list(texts.values()), range=[UP, NEUTRAL, DOWN]),
            legend=alt.Legend(title="line at", symbolType="stroke"),
        )
        rules = self._of_bars(lines, "lines").mark_rule(strokeWidth=1.5)
        rules = rules.encode(
            y=alt.Y("price", type="quantitative"),
            stroke=stroke,
            strokeDash=alt.condition("datum.line == 'open'", alt.value([2, 3]), alt.value([1, 0])),
        )
        return [band, rules]

    def _points(self) -> "list[alt.Chart]":
        """Return a point for each of a few trades, and marks of those that open and close bars."""
        encoding: dict[str, Any] = {
            "x": alt.X(NUMBER, type="quantitative"),
            "y": alt.Y("price", type="quantitative"),
            "tooltip": [
                alt.Tooltip(NUMBER, type="quantitative", title="trade", format=",d"),
                alt.Tooltip("time", type="nominal", title="time"),
                alt.Tooltip("price", type="quantitative", title="price", format=self._format),
                alt.Tooltip("bar", type="quantitative", title="bar", format=",d"),
                alt.Tooltip("role", type="nominal", title="this trade"),
            ],
        }
        every = alt.Chart().mark_circle(
            color=INK, opacity=1 if self.trades.height <= _FEW else 0, size=10
        )
        occurring = [role for role in _ROLES if role in self.trades["role"]]
        shapes, colors, sizes = zip(*(_ROLES[role] for role in occurring), strict=True)
        shrink = 1 if self._bars.height <= _FEW_BARS else 0.4
        channels = {
            alt.Color: colors,
            alt.Shape: shapes,
            alt.Size: [size * shrink for size in sizes],
        }
        roles = [
            channel(
                "role",
                type="nominal",
                scale=alt.Scale(domain=occurring, range=list(values), type="ordinal"),
                legend=alt.Legend(title="trade that"),
            )
            for channel, values in channels.items()
        ]
        marked = alt.Chart().transform_filter("isValid(datum.role)")
        marked = marked.mark_point(filled=True, opacity=1)
        return [every.encode(**encoding), marked.encode(*roles, **encoding)]
