"""The picture that explains what a bar is: prices, limits, and where bars end."""

from typing import TYPE_CHECKING, Any, Final, SupportsIndex

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core.arguments import SingleThreshold, check_count
from rangebar_polars._core.borders import Borders
from rangebar_polars._core.options import Options
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.spans import MaxGap
from rangebar_polars._plot import cut_trades, number_axis
from rangebar_polars._plot.cut_trades import ABOVE, AT, BELOW, CutTrades
from rangebar_polars._plot.extra import alt, check_altair
from rangebar_polars._plot.number_axis import NUMBER
from rangebar_polars._plot.offline_chart import inline_data, zoomed
from rangebar_polars._plot.style import DOWN, INK, NEUTRAL, UP, styled
from rangebar_polars._plot.value_axis import one_series, price_format, price_scale, titled_above
from rangebar_polars._trade_columns import TradeColumns

if TYPE_CHECKING:
    from rangebar_polars.schema import ArrowStream

_TRADES: Final = "trades"
_ROLES: Final = {
    cut_trades.OPENS: ("circle", INK, 28),
    cut_trades.CLOSES_UP: ("triangle-up", UP, 120),
    cut_trades.CLOSES_DOWN: ("triangle-down", DOWN, 120),
    cut_trades.CLOSES: ("diamond", UP, 100),
    cut_trades.BLOCKED: ("cross", NEUTRAL, 30),
    cut_trades.CUT_OFF: ("square", NEUTRAL, 80),
}
"""Shape, colour and size of the trades that mean something to their bars.

The trade that opens a bar lies beside the one that closed the last, and so on top of it.
"""

_OF_HEIGHT: Final = 0.55
"""How much of the height the prices have, where what a rule measures is drawn below them."""

_FEW: Final = 300
"""Trades up to which each has a point."""

_FEW_BARS: Final = 40
"""Bars up to which marks are large."""


@named
def plot_cuts(
    trades: "pl.DataFrame | pl.LazyFrame | ArrowStream",
    threshold_decimal_bps: SingleThreshold | None = None,
    *,
    rule: Rule | None = None,
    last: SupportsIndex | None = 10,
    reset: Borders | None = None,
    max_gap: MaxGap | None = None,
    prevent_same_timestamp_close: bool | None = None,
    columns: TradeColumns | None = None,
    unit: str = "quote currency",
    width: SupportsIndex = 800,
    height: SupportsIndex = 360,
) -> "alt.VConcatChart":
    """Return a picture of how trades are cut into bars: prices, limits, and where bars end.

    Of a rule of prices, each bar is a band between the limits that its trades are compared with. Of
    any other, the running sum that the rule compares is drawn below the prices, with its limit; a
    condition has marks where it is true. The picture shows which trade opens a bar, which closes it
    and at which limit, and which lie beyond a limit and do not close it, because they have the
    bar's opening time. It needs the extra ``plot``.

    Parameters
    ----------
    trades
        A DataFrame, a LazyFrame, or anything with ``__arrow_c_stream__``, sorted by time, as in
        `bars`. The columns that are read are in memory at once.
    threshold_decimal_bps, rule
        As in `bars`; one threshold, or one rule.
    last
        How many bars are drawn, the last ones, with the one that is open at the end; None for all.
    reset, max_gap, prevent_same_timestamp_close, columns
        As in `bars`.
    unit
        The unit of prices, for the title of the axis.
    width, height
        Of the picture without its legends, in pixels of the layout.

    Returns
    -------
    altair.VConcatChart
        With a ``save`` as that of `plot_bars`. Of more than 4,000 trades, those are drawn that open
        and close bars, and of every few the lowest and the highest of prices and of sums; the
        subtitle says how many.

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
    Where bars end is what `bars` and `bar_id` say. The limits and sums beside them are computed in
    the same integers: with O the open at scale 1e8, those of a threshold are ``max(1, ceil(O *
    threshold / 100000))`` below and above it. The limits of `EwmaImbalanceRule` and `EwmaRunRule`
    are floats, which may differ in their last digits from those that trades were compared with.

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
    >>> spec = rb.plot_cuts(trades, rule=rb.VolumeRule(2.5)).to_dict()
    >>> [trade["above"] for trade in spec["data"]["values"]]  # the volume of the bar so far
    [1.0, 3.0, 0.5, 0.75]
    """
    if not isinstance(unit, str):
        raise TypeError(f"unit is {unit!r}: expected a text")
    check_altair()
    options = Options.check(
        threshold_decimal_bps,
        rule=rule,
        one="a picture is",
        columns=columns,
        reset=reset,
        max_gap=max_gap,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
    )
    count = None if last is None else check_count(last, "last")
    pixels = check_count(width, "width"), check_count(height, "height")
    found = cut_trades.cut(cut_trades.collected(trades, options), options, count)
    picture = _Picture(found, unit)
    title = alt.TitleParams(picture.title, subtitle=picture.subtitle())
    data = inline_data(_TRADES, picture.trades)
    return styled(zoomed("cuts", picture.views(*pixels), data=data, title=title))


class _Picture:
    """The views of a picture of cuts."""

    def __init__(self, found: CutTrades, unit: str) -> None:
        self._found, self._unit, self._measure = found, unit, found.measure
        self.trades = found.trades
        self._first = int(found.bars["begin"][0])
        self._last = int(found.bars["end"][-1])
        of_price = [self.trades["price"]]
        self._limits = self._pieces(found.limits)
        if self._measure.axis is None and self._measure.names[0]:
            of_price += [self._limits["lower"], self._limits["upper"]]
        self._prices = one_series(of_price)
        self._format = price_format(self._prices)

    def _pieces(self, limits: pl.DataFrame) -> pl.DataFrame:
        """Return pieces of bars, which cover trades from the middle between two to the next."""
        of_bars = self._found.bars.select(
            "bar", "open", "ended", shade=pl.int_range(pl.len()) % 2 == 0
        )
        return limits.join(of_bars, on="bar", how="left", maintain_order="left").select(
            "bar",
            "open",
            "lower",
            "upper",
            "ended",
            begin=pl.col("begin") - 0.5,
            end=pl.col("end") + 0.5,
            shade="shade",
        )

    @property
    def title(self) -> str:
        return f"How trades are cut into {self._measure.title}"

    def subtitle(self) -> list[str]:
        """Return the rule, and what is shown of how much."""
        found, count = self._found, self._last - self._first + 1
        span = number_axis.span_text(found.times, found.times)
        shown, every = found.bars.height, found.bar_count
        bars = f"{every:,}" if shown == every else f"last {shown:,} of {every:,}"
        drawn = "" if count == self.trades.height else f", {self.trades.height:,} of them drawn"
        whose = "which is" if every == 1 else "of which the last is"
        open_bar = "" if found.bars["ended"][-1] else f", {whose} open"
        trades = f"{count:,} {'trade' if count == 1 else 'trades'}{drawn}"
        return [
            *self._measure.says.splitlines(),
            f"{bars} {'bar' if every == 1 else 'bars'}{open_bar}; {trades}, {span}",
        ]

    def views(self, width: int, height: int) -> "list[alt.LayerChart]":
        """Return the views: of the prices, and below them of what is measured, if it is another."""
        if self._measure.axis is None:
            layers = [self._line(), *self._bands(), *self._points("price")]
            return [alt.LayerChart(layer=layers, width=width, height=height)]
        upper = max(1, round(height * _OF_HEIGHT))
        prices = [self._line(labelled=False), self._shades(), *self._points("price")]
        measured = [*self._sums(), *self._points(AT, legend=False)]
        return [
            alt.LayerChart(layer=prices, width=width, height=upper),
            alt.LayerChart(layer=measured, width=width, height=max(1, height - upper)),
        ]

    def _x(self, *, labelled: bool = True) -> "alt.X":
        zone = number_axis.zone_of(self._found.times.dtype)
        title = f"trade number (from 0) and time{f' ({zone})' if zone else ''}"
        axis = number_axis.number_axis(
            _TRADES, self._first, self._last, title if labelled else None
        )
        scale = number_axis.number_scale(self._first, self._last)
        return alt.X(NUMBER, type="quantitative", axis=axis, scale=scale)

    def _line(self, *, labelled: bool = True) -> "alt.Chart":
        y = alt.Y(
            "price",
            type="quantitative",
            axis=titled_above(f"price ({self._unit})"),
            scale=price_scale(self._prices),
        )
        line: alt.Chart = (
            alt.Chart()
            .mark_line(color=INK, interpolate="step-after", strokeWidth=1)
            .encode(x=self._x(labelled=labelled), y=y)
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

    def _shades(self, name: str = "bars") -> "alt.Chart":
        """Return a shade over every other bar, from top to bottom."""
        whole = self._found.bars.select(
            "bar", "open", begin=pl.col("begin") - 0.5, end=pl.col("end") + 0.5
        )
        every_other = whole.filter(pl.int_range(pl.len()) % 2 == 0)
        shade: alt.Chart = self._of_bars(every_other, name).mark_rect(color=NEUTRAL, opacity=0.14)
        return shade

    def _bands(self) -> "list[alt.Chart]":
        """Return what lies between the limits of each bar, and the lines at limits and open."""
        if not self._measure.names[1]:
            return [self._shades()]
        band = self._of_bars(self._limits, "bars").mark_rect(color=NEUTRAL)
        band = band.encode(
            y=alt.Y("lower", type="quantitative"),
            y2=alt.Y2("upper"),
            opacity=alt.condition("datum.shade", alt.value(0.14), alt.value(0.05)),
        )
        upper, lower = self._measure.names
        texts = {"upper": upper, "open": "open", "lower": lower}
        if not self._measure.has_open:
            del texts["open"]
        return [band, self._rules(texts)]

    def _rules(self, texts: dict[str, str]) -> "alt.Chart":
        """Return the lines at these columns of the limits."""
        lines = self._limits.unpivot(
            list(texts), index=["bar", "begin", "end"], variable_name="line", value_name="price"
        ).with_columns(pl.col("line").replace(texts))
        colors = {"upper": UP, "open": NEUTRAL, "lower": DOWN}
        stroke = alt.Stroke(
            "line",
            type="nominal",
            scale=alt.Scale(domain=list(texts.values()), range=[colors[name] for name in texts]),
            legend=alt.Legend(title="line at", symbolType="stroke"),
        )
        rules = self._of_bars(lines.drop_nulls(), "lines").mark_rule(strokeWidth=1.5)
        rules = rules.encode(
            y=alt.Y("price", type="quantitative"),
            stroke=stroke,
            strokeDash=alt.condition("datum.line == 'open'", alt.value([2, 3]), alt.value([1, 0])),
        )
        drawn: alt.Chart = rules
        return drawn

    def _sums(self) -> "list[alt.Chart]":
        """Return the lines of what is measured, bar by bar, and its limits."""
        measure = self._measure
        reached = one_series(
            [self.trades[ABOVE], self.trades[BELOW], self._limits["lower"], self._limits["upper"]]
        )
        scale = price_scale(pl.concat([reached, pl.Series("price", [0.0])]))
        lines = []
        for field in (ABOVE, BELOW) if measure.two_sided else (ABOVE,):
            y = alt.Y(
                field,
                type="quantitative",
                axis=titled_above(str(measure.axis)),
                scale=scale,
                stack=None,
            )
            area = alt.Chart().mark_area(
                color=NEUTRAL,
                fillOpacity=0.25,
                interpolate="step",
                line={"color": INK, "strokeWidth": 1},
            )
            lines.append(area.encode(x=self._x(), y=y, detail=alt.Detail("bar", type="nominal")))
        upper, lower = measure.names
        texts = {"upper": upper, "lower": lower} if lower else {"upper": upper}
        return [*lines, self._shades("bars below"), self._rules(texts)]

    def _points(self, field: str, *, legend: bool = True) -> "list[alt.Chart]":
        """Return a point for each of a few trades, and marks of those that open and close bars."""
        tooltip = [
            alt.Tooltip(NUMBER, type="quantitative", title="trade", format=",d"),
            alt.Tooltip("time", type="nominal", title="time"),
            alt.Tooltip("price", type="quantitative", title="price", format=self._format),
            alt.Tooltip("bar", type="quantitative", title="bar", format=",d"),
            alt.Tooltip("role", type="nominal", title="this trade"),
        ]
        if self._measure.axis is not None:
            fields = (ABOVE, BELOW) if self._measure.two_sided else (ABOVE,)
            tooltip += [
                alt.Tooltip(each, type="quantitative", title=self._measure.axis) for each in fields
            ]
        encoding: dict[str, Any] = {
            "x": alt.X(NUMBER, type="quantitative"),
            "y": alt.Y(field, type="quantitative"),
            "tooltip": tooltip,
        }
        every = alt.Chart().mark_circle(
            color=INK, opacity=1 if self.trades.height <= _FEW else 0, size=10
        )
        marked = alt.Chart().transform_filter("isValid(datum.role)")
        marked = marked.mark_point(filled=True, opacity=1)
        marked = marked.encode(*self._marks(legend=legend), **encoding)
        return [every.encode(**encoding), marked]

    def _marks(self, *, legend: bool) -> "list[Any]":
        """Return how trades that open and close bars are marked."""
        occurring = [role for role in _ROLES if role in self.trades["role"]]
        shapes, colors, sizes = zip(*(_ROLES[role] for role in occurring), strict=True)
        shrink = 1 if self._found.bars.height <= _FEW_BARS else 0.4
        channels = {
            alt.Color: colors,
            alt.Shape: shapes,
            alt.Size: [size * shrink for size in sizes],
        }
        return [
            channel(
                "role",
                type="nominal",
                scale=alt.Scale(domain=occurring, range=list(values), type="ordinal"),
                legend=alt.Legend(title="trade that") if legend else None,
            )
            for channel, values in channels.items()
        ]
