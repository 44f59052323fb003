"""The chart of one chain of bars: candles, and panes of columns below them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from rangebar_polars._plot import number_axis
from rangebar_polars._plot.chains import Chain
from rangebar_polars._plot.extra import alt
from rangebar_polars._plot.number_axis import NUMBER
from rangebar_polars._plot.offline_chart import inline_data, zoomed
from rangebar_polars._plot.panes import Pane, drawn, finite
from rangebar_polars._plot.style import DOWN, MIDDLE, NEUTRAL, UP
from rangebar_polars._plot.value_axis import (
    one_series,
    price_format,
    price_scale,
    titled_above,
)
from rangebar_polars.schema import IS_COMPLETE

_PRICES: Final = ("open", "high", "low", "close")
_DIRECTIONS: Final = {
    "close above open": UP,
    "close below open": DOWN,
    "close at open": NEUTRAL,
}
_FLOW: Final = "ofi"
_HALF_BODY: Final = 0.36
"""Half of the width of a candle, where one bar follows the other at 1."""

_NARROW: Final = 3.0
"""Pixels below which a body has no inside that could be hollow."""

_PALE: Final = 0.5
"""The opacity of a bar that is not complete where candles are narrow."""

_LARGE: Final = 100_000
"""Values from which an axis abbreviates, as 100k."""

_FEW: Final = 150
"""Bars up to which the values of a line have points, too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """What all chains of a chart have in common."""

    panes: Sequence[Pane]
    price_title: str
    title: str
    width: int
    height: int


def data_of(chain: Chain, panes: Sequence[Pane]) -> pl.DataFrame:
    """Return what the chart of a chain is drawn from, a row for each bar."""
    bars = chain.bars
    schema = bars.schema
    columns = [
        pl.int_range(chain.first, chain.height).alias(NUMBER),
        number_axis.short_time("close_time", bars["close_time"]),
        number_axis.whole_time("open_time", schema["open_time"]).alias("opened"),
        number_axis.whole_time("close_time", schema["close_time"]).alias("closed"),
        *(finite(pl.col(name)).alias(name) for name in _PRICES),
        *(drawn(pane, schema[pane.column]) for pane in panes),
    ]
    if _has_flow(bars) and any(pane.column == "volume" for pane in panes):
        columns.append(finite(pl.col(_FLOW)).alias("flow"))
    if IS_COMPLETE in schema:
        columns.append(pl.col(IS_COMPLETE).cast(pl.Boolean).alias("complete"))
    move = pl.col("close") - pl.col("open")
    up, down, level = _DIRECTIONS
    return bars.select(columns).with_columns(
        pl.when(move > 0)
        .then(pl.lit(up))
        .when(move < 0)
        .then(pl.lit(down))
        .when(move == 0)
        .then(pl.lit(level))
        .alias("direction")
    )


def _has_flow(bars: pl.DataFrame) -> bool:
    if not bars.schema.get(_FLOW, pl.Null()).is_numeric():
        return False
    return bars.select(finite(pl.col(_FLOW)).is_not_null().any()).to_series()[0] is True


def charts_of(chains: Sequence[Chain], layout: Layout) -> "list[alt.VConcatChart]":
    """Return the charts of chains; the first that has a colour explains it for all."""
    data = [data_of(chain, layout.panes) for chain in chains]
    occurring = [name for name in _DIRECTIONS if any(name in rows["direction"] for rows in data)]
    with_flow = [number for number, rows in enumerate(data) if "flow" in rows.columns]
    return [
        _ChainChart(
            chain,
            rows,
            layout,
            number=number,
            directions=occurring,
            explains_candles=number == 0,
            explains_flow=number in with_flow[:1],
        ).chart()
        for number, (chain, rows) in enumerate(zip(chains, data, strict=True))
    ]


class _ChainChart:
    """The chart of one chain.

    Parameters
    ----------
    chain, rows
        The bars, and what they are drawn from.
    layout
        What it has in common with the charts of other chains.
    number
        Its place among them, from 0.
    directions
        What occurs in any of them.
    explains_candles, explains_flow
        Whether it has the legend of candles and of the order flow.
    """

    def __init__(
        self,
        chain: Chain,
        rows: pl.DataFrame,
        layout: Layout,
        *,
        number: int,
        directions: Sequence[str],
        explains_candles: bool,
        explains_flow: bool,
    ) -> None:
        self._chain, self._data, self._layout = chain, rows, layout
        self._name = f"bars_{number}"
        self._directions = directions
        self._explains_candles, self._explains_flow = explains_candles, explains_flow
        self._prices = one_series(rows[name] for name in _PRICES)
        self._format = price_format(self._prices)

    def chart(self) -> "alt.VConcatChart":
        """Return the candles with their panes below."""
        panes = self._layout.panes
        views = [self._candles(is_last=not panes)]
        views += [self._pane(pane, is_last=pane is panes[-1]) for pane in panes]
        chart: alt.VConcatChart = zoomed(
            self._name,
            views,
            data=inline_data(self._name, self._data),
            title=alt.TitleParams(self._title(), subtitle=self._subtitle()),
            spacing=22,
        ).resolve_scale(color="independent", fill="independent")
        return chart

    def _title(self) -> str:
        title, of_chain = self._layout.title, self._chain.title
        if not title:
            return f"Bars of {of_chain}" if of_chain else "Bars"
        return f"{title}: {of_chain}" if of_chain else title

    def _subtitle(self) -> str:
        bars, height = self._chain.bars, self._chain.height
        span = number_axis.span_text(bars["open_time"], bars["close_time"])
        shown = f"{height:,}" if bars.height == height else f"last {bars.height:,} of {height:,}"
        parts = [f"{shown} {'bar' if height == 1 else 'bars'}", span]
        if "complete" in self._data.columns and not self._data["complete"].all():
            parts.append(f"{'pale' if self._is_narrow else 'hollow'}: not complete")
        return ", ".join(filter(None, parts))

    @property
    def _is_narrow(self) -> bool:
        return self._layout.width * 2 * _HALF_BODY < _NARROW * self._chain.bars.height

    def _x(self, *, is_last: bool) -> "alt.X":
        first, last = self._chain.first, self._chain.height - 1
        zone = number_axis.zone_of(self._chain.bars.schema["close_time"])
        title = f"bar number (from 0) and close time{f' ({zone})' if zone else ''}"
        axis = number_axis.number_axis(self._name, first, last, title if is_last else None)
        scale = number_axis.number_scale(first, last)
        return alt.X(NUMBER, type="quantitative", axis=axis, scale=scale)

    def _view(self, layers: "Sequence[alt.Chart]", height: int) -> "alt.LayerChart":
        """Return layers, and on top of them what shows the tooltip anywhere above a bar."""
        hit = self._body(0.5).mark_rect(aria=False, color="transparent")
        hit = hit.encode(tooltip=self._tooltip())
        return alt.LayerChart(layer=[*layers, hit], width=self._layout.width, height=height)

    def _body(self, half: float) -> "alt.Chart":
        """Return a chart whose marks have the width of a bar."""
        return (
            alt.Chart()
            .transform_calculate(left=f"datum.{NUMBER} - {half}", right=f"datum.{NUMBER} + {half}")
            .encode(x=alt.X("left", type="quantitative"), x2=alt.X2("right"))
        )

    def _tooltip(self) -> "list[alt.Tooltip]":
        texts = {NUMBER: "bar", "opened": "open_time", "closed": "close_time"}
        return [
            *(alt.Tooltip(field, type="nominal", title=title) for field, title in texts.items()),
            *(
                alt.Tooltip(name, type="quantitative", title=name, format=self._format)
                for name in _PRICES
            ),
            *(
                alt.Tooltip(
                    pane.field,
                    type="quantitative",
                    title=pane.column,
                    format=",d" if pane.whole else ",",
                )
                for pane in self._layout.panes
            ),
            *(
                [alt.Tooltip("complete", type="nominal", title=IS_COMPLETE)]
                if "complete" in self._data.columns
                else []
            ),
        ]

    def _candles(self, *, is_last: bool) -> "alt.LayerChart":
        colors = [_DIRECTIONS[name] for name in self._directions]
        scale = alt.Scale(domain=list(self._directions), range=colors)
        legend = alt.Legend(title="candle", symbolStrokeWidth=0, symbolType="square")
        fill = alt.Fill(
            "direction",
            type="nominal",
            scale=scale,
            legend=legend if self._explains_candles else None,
        )
        # Values, not a scale: a second scale of the field would hide the legend of the first.
        stroke = (
            alt.when("datum.close > datum.open")
            .then(alt.value(UP))
            .when("datum.close < datum.open")
            .then(alt.value(DOWN))
            .otherwise(alt.value(NEUTRAL))
        )
        axis = titled_above(self._layout.price_title)
        y = alt.Y("low", type="quantitative", axis=axis, scale=price_scale(self._prices))
        wick = alt.Chart().mark_rule(strokeWidth=1)
        wick = wick.encode(x=self._x(is_last=is_last), y=y, y2=alt.Y2("high"), stroke=stroke)
        # A body without height is seen by its outline.
        body = self._body(_HALF_BODY).mark_rect(
            strokeWidth=max(0.4, min(1.2, 250 / self._chain.bars.height))
        )
        body = body.encode(
            y=alt.Y("open", type="quantitative"), y2=alt.Y2("close"), fill=fill, stroke=stroke
        )
        if "complete" in self._data.columns and self._is_narrow:
            opacity = alt.condition("datum.complete", alt.value(1), alt.value(_PALE))
            wick, body = wick.encode(opacity=opacity), body.encode(opacity=opacity)
        elif "complete" in self._data.columns:
            body = body.encode(fill=alt.condition("datum.complete", fill, alt.value("white")))
        return self._view([wick, body], self._layout.height)

    def _pane(self, pane: Pane, *, is_last: bool) -> "alt.LayerChart":
        title = pane.title
        if self._data[pane.field].null_count() == self._data.height:
            title += ": null in every bar shown"
        options: dict[str, Any] = {"zero": pane.kind.mark == "columns"}
        if pane.kind.domain is not None:
            options |= {"domain": list(pane.kind.domain), "nice": False}
        axis: dict[str, Any] = {"tickCount": 3}
        if pane.kind.divisor != 1:
            axis["labelExpr"] = f"format(datum.value / {pane.kind.divisor:g}, ',~r')"
        elif pane.kind.domain is None:
            axis["format"] = "~s" if _is_large(self._data[pane.field]) else ",~r"
        y = alt.Y(
            pane.field,
            type="quantitative",
            axis=titled_above(title, **axis),
            scale=alt.Scale(**options),
        )
        x = self._x(is_last=is_last)
        if pane.kind.mark == "line":
            point: Any = alt.OverlayMarkDef(size=14 if self._chain.bars.height <= _FEW else 3)
            mark = alt.Chart().mark_line(color=UP, strokeWidth=1, point=point).encode(x=x, y=y)
            return self._view([mark], self._pane_height)
        # The axis is of a layer without marks: columns have edges in the place of numbers.
        axes = alt.Chart().mark_rule(opacity=0).encode(x=x, y=y)
        columns = self._body(_HALF_BODY).mark_rect()
        columns = columns.encode(
            y=alt.Y(pane.field, type="quantitative"),
            y2=alt.Y2Datum(0),
            color=self._pane_color(pane),
        )
        return self._view([axes, columns], self._pane_height)

    @property
    def _pane_height(self) -> int:
        return max(40, round(self._layout.height * 0.3))

    def _pane_color(self, pane: Pane) -> Any:  # noqa: ANN401 - Altair's union
        if pane.column == "volume" and "flow" in self._data.columns:
            legend = alt.Legend(
                title="volume by order flow (ofi)",
                gradientLength=max(40, self._pane_height - 24),
                labelExpr=(
                    "datum.value == 1 ? '1: all buys' : datum.value == -1 ? '-1: all sells' : '0'"
                ),
                values=[-1, 0, 1],
            )
            scale = alt.Scale(domain=[-1, 0, 1], range=[DOWN, MIDDLE, UP], interpolate="rgb")
            return alt.condition(
                "isValid(datum.flow)",
                alt.Color(
                    "flow",
                    type="quantitative",
                    scale=scale,
                    legend=legend if self._explains_flow else None,
                ),
                alt.value(NEUTRAL),
            )
        if pane.column == _FLOW or (self._data[pane.field] < 0).any():
            return alt.condition(f"datum.{pane.field} < 0", alt.value(DOWN), alt.value(UP))
        return alt.value(NEUTRAL)


def _is_large(values: pl.Series) -> bool:
    largest = values.cast(pl.Float64).abs().max()
    return isinstance(largest, float) and largest >= _LARGE
