"""The cluster chart: what was bought and sold at each level of the last bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, SupportsIndex

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core.arguments import check_count
from rangebar_polars._forks import use_threads
from rangebar_polars._plot import number_axis
from rangebar_polars._plot.chains import REQUIRED, Chain, chains_of, check_schema, keys_of
from rangebar_polars._plot.extra import alt, check_altair
from rangebar_polars._plot.footprint_cells import (
    AREA,
    FOOTPRINT,
    POC,
    cells_of,
    check_footprint,
    short,
    tick_of,
)
from rangebar_polars._plot.number_axis import NUMBER
from rangebar_polars._plot.offline_chart import inline_data, stacked, zoomed
from rangebar_polars._plot.panes import PRICE, QUOTE
from rangebar_polars._plot.style import DOWN, FAINT, INK, NEUTRAL, UP, styled
from rangebar_polars._plot.units import check_units
from rangebar_polars._plot.value_axis import price_format, titled_above

_CELL: Final = 15
"""Pixels of the height of a cell where the caller gives none for the chart."""

_LEAST_HEIGHT: Final = 120
_MOST_HEIGHT: Final = 900
_LEAST_TEXT: Final = 9.0
"""Pixels of the height of a cell below which its text is not legible."""

_TEXT_WIDTH: Final = 52.0
"""Pixels of the width of a cell below which its text does not fit."""

_HALF: Final = 0.37
"""Half of the width of a cell, where one bar follows the other at 1."""

_CANDLE: Final = 0.42
_AREA_LINE: Final = 0.41
_FEW: Final = 4
"""Bars up to which cells do not fill the width."""

_TIMES: Final = "\N{MULTIPLICATION SIGN}"
_PALE: Final = "#F2F2F2"
"""The colour of a cell in which as much was bought as sold."""


@named
def plot_footprint(
    bars: pl.DataFrame | pl.LazyFrame,
    *,
    last: SupportsIndex = 10,
    by: str | Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    title: str | None = None,
    width: SupportsIndex = 900,
    height: SupportsIndex | None = None,
) -> "alt.VConcatChart":
    """Return a cluster chart: for each of the last bars, what was sold and bought at each level.

    A cell is a level of a bar. It says the sold and the bought volume, and its colour is their
    difference, by the largest one in the chart. A volume in imbalance is bold; the level with the
    greatest volume has a border; a grey line right of the cells is the value area; left of them
    stands the candle. It needs the extra ``plot``.

    Parameters
    ----------
    bars
        A DataFrame or LazyFrame as `bars` returns it with ``footprint``: with ``open_time``,
        ``close_time``, ``open``, ``high``, ``low``, ``close``, and ``footprint``. Without ``poc``
        or the value area, these are not drawn.
    last
        How many bars are drawn, of each chain the last.
    by
        The columns of the keys. None means those that lead the frame.
    units
        The unit of the price and that of the volume: ``{"price": "USDT", "volume": "BTC"}``.
    title
        What the bars are of; None is "Footprint". The keys of a chain follow.
    width, height
        In pixels of the layout. A height of None is 15 for each level, 900 at most; where a cell
        has fewer than 9, or is narrow, it has no text.

    Returns
    -------
    altair.VConcatChart
        Its ``save("x.png")``, ``.svg``, ``.pdf``, ``.html`` or ``.json`` writes a file.

    Raises
    ------
    TypeError, ValueError
        For a bad argument, columns that are missing or of another dtype, more than 20,000 cells, or
        nothing to draw.
    ModuleNotFoundError
        Altair is not installed.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 1500, 3000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 100.5, 100.2, 101.0],
    ...         "quantity": [1.0, 2.0, 1.0, 3.0],
    ...         "is_buyer_maker": [False, False, True, False],
    ...     }
    ... )
    >>> bars = rb.bars(trades, 1000, footprint=rb.Footprint(0.5))
    >>> chart = rb.plot_footprint(bars).to_dict()
    >>> [(cell["sold"], cell["bought"]) for cell in chart["data"]["values"]]
    [('1', '1'), ('0', '2'), ('0', '3')]
    """
    if not isinstance(bars, pl.DataFrame | pl.LazyFrame):
        raise TypeError(f"bars is a {type(bars).__name__}: expected a DataFrame or a LazyFrame")
    check_altair()
    if not (title is None or isinstance(title, str)):
        raise TypeError(f"title is {title!r}: expected a text")
    use_threads()
    count = check_count(last, "last")
    size = (check_count(width, "width"), None if height is None else check_count(height, "height"))
    schema = bars.collect_schema()
    check_schema(schema)
    check_footprint(schema)
    texts = check_units(units, [PRICE, "volume"])
    keys = keys_of(schema, by)
    read = dict.fromkeys([*keys, *REQUIRED, FOOTPRINT, POC, *AREA])
    frame = bars.lazy().select([name for name in read if name in schema]).collect()
    charts = [
        _Cluster(
            chain=chain,
            cells=cells_of(chain),
            units=texts,
            title=title or "Footprint",
            name=f"footprint_{number}",
            width=size[0],
            given_height=size[1],
        ).chart()
        for number, chain in enumerate(chains_of(frame, keys, count))
    ]
    return styled(charts[0] if len(charts) == 1 else stacked(charts, spacing=40))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cluster:
    """The cluster chart of a chain, and what all of its layers share."""

    chain: Chain
    cells: pl.DataFrame
    units: Mapping[str, str]
    title: str
    name: str
    width: int
    given_height: int | None

    def chart(self) -> "alt.VConcatChart":
        """Return the chart."""
        what = f"{self.title}: {self.chain.title}" if self.chain.title else self.title
        chart: alt.VConcatChart = zoomed(
            self.name,
            [self._view().properties(width=self.width, height=self._height)],
            data=inline_data(self.name, self.cells),
            title=alt.TitleParams(what, subtitle=self._subtitle()),
        )
        return chart

    @property
    def _tick(self) -> float:
        return tick_of(self.cells)

    @property
    def _ends(self) -> tuple[float, float]:
        """The prices at the lower and the upper end of the chart."""
        lowest, highest = (self.cells["price"].sort().gather([0, -1])).to_list()
        return lowest - self._tick, highest + 2 * self._tick

    @property
    def _rows(self) -> int:
        low, high = self._ends
        return round((high - low) / self._tick)

    @property
    def _height(self) -> int:
        if self.given_height is not None:
            return self.given_height
        return min(_MOST_HEIGHT, max(_LEAST_HEIGHT, _CELL * self._rows))

    @property
    def _places(self) -> tuple[float, float]:
        """The numbers at the left and the right end of the chart."""
        first = self.chain.first
        return first - 0.6, max(self.chain.height, first + _FEW) - 0.4

    @property
    def _has_text(self) -> bool:
        left, right = self._places
        cell = 2 * _HALF * self.width / (right - left)
        return self._height / self._rows >= _LEAST_TEXT and cell >= _TEXT_WIDTH

    @property
    def _has_sides(self) -> bool:
        return self.cells["delta"].null_count() < self.cells.height

    def _has(self, column: str) -> bool:
        return column in self.cells.columns

    def _subtitle(self) -> list[str]:
        """Return what is drawn, in words."""
        chain = self.chain
        shown = f"last {chain.bars.height:,} of {chain.height:,} bars"
        span = number_axis.span_text(chain.bars["open_time"], chain.bars["close_time"])
        unit = f" ({self.units['volume']})" if "volume" in self.units else ""
        sides = f"sold {_TIMES} bought{unit}, bold: imbalance"
        parts = [sides if self._has_sides else f"volume{unit}"] if self._has_text else []
        parts += ["border: poc"] if self._has(POC) else []
        parts += ["grey line: value area"] if self._has(AREA[0]) else []
        return [", ".join(filter(None, [shown, span])), "; ".join(parts)]

    def _view(self) -> "alt.LayerChart":
        """Return the cells of all bars, with candles and value areas beside them."""
        tick = self._tick
        base = alt.Chart().transform_calculate(
            left=f"datum.{NUMBER} - {_HALF}",
            right=f"datum.{NUMBER} + {_HALF}",
            top=f"datum.price + {tick!r}",
            middle=f"datum.price + {tick / 2!r}",
            candle=f"datum.{NUMBER} - {_CANDLE}",
            area=f"datum.{NUMBER} + {_AREA_LINE}",
            area_top=f"datum.{AREA[1]} + {tick!r}",
        )
        layers = [self._axes(), *self._candles(base), self._rectangles(base)]
        if self._has(POC):
            border = base.transform_filter(f"datum.price == datum.{POC}")
            layers.append(_boxed(border.mark_rect(fillOpacity=0, stroke=INK, strokeWidth=1.5)))
        if self._has_text:
            layers += _texts(base, has_sides=self._has_sides)
        hit = _boxed(base.mark_rect(aria=False, color="transparent"))
        layers.append(hit.encode(tooltip=_tooltip(self.cells["price"])))
        view: alt.LayerChart = alt.LayerChart(layer=layers)
        return view

    def _axes(self) -> "alt.Chart":
        """Return a layer without marks that has the axes: cells have edges in place of numbers."""
        zone = number_axis.zone_of(self.chain.bars.schema["close_time"])
        title = f"bar number (from 0) and close time{f' ({zone})' if zone else ''}"
        first, last = self.chain.first, self.chain.height - 1
        x = alt.X(
            NUMBER,
            type="quantitative",
            axis=number_axis.number_axis(self.name, first, last, title),
            scale=alt.Scale(domain=list(self._places), nice=False, zero=False),
        )
        prices = f"{PRICE} ({self.units.get(PRICE, QUOTE)})"
        form = price_format(self.cells["price"])
        y = alt.Y(
            "low",
            type="quantitative",
            axis=titled_above(prices, format=form, grid=False),
            scale=alt.Scale(domain=list(self._ends), nice=False, zero=False),
        )
        axes: alt.Chart = alt.Chart().mark_rule(opacity=0).encode(x=x, y=y)
        return axes

    def _candles(self, base: "alt.Chart") -> "list[alt.Chart]":
        """Return the candle left of the cells of a bar, and its value area right of them."""
        has_area = self._has(AREA[0])
        columns: list[Any] = ["candle", "area", "open", "high", "low", "close"]
        columns += ["area_top", *AREA] if has_area else []
        of_bar = base.transform_aggregate(groupby=columns)
        colour = (
            alt.when("datum.close > datum.open")
            .then(alt.value(UP))
            .when("datum.close < datum.open")
            .then(alt.value(DOWN))
            .otherwise(alt.value(NEUTRAL))
        )
        drawn = []
        for width, bottom, top in ((1, "low", "high"), (4, "open", "close")):
            mark = of_bar.mark_rule(strokeWidth=width)
            x, y = (alt.X("candle", type="quantitative"), alt.Y(bottom, type="quantitative"))
            drawn.append(mark.encode(x=x, y=y, y2=alt.Y2(top), color=colour))
        if has_area:
            line = of_bar.mark_rule(strokeWidth=3, color=NEUTRAL)
            x, y = (alt.X("area", type="quantitative"), alt.Y(AREA[0], type="quantitative"))
            drawn.append(line.encode(x=x, y=y, y2=alt.Y2("area_top")))
        return drawn

    def _rectangles(self, base: "alt.Chart") -> "alt.Chart":
        """Return the cells, coloured by what was bought less what was sold."""
        most: Any = self.cells["delta"].abs().max()
        marks = _boxed(base.mark_rect(stroke="white", strokeWidth=0.6))
        if most is None:
            return marks.encode(color=alt.value(FAINT))
        most = most or 1.0
        scale = alt.Scale(domain=[-most, 0, most], range=[DOWN, _PALE, UP], interpolate="rgb")
        legend = alt.Legend(
            title="bought less sold",
            values=[-most, 0, most],
            labelExpr=f"(datum.value < 0 ? '-' : '') + (datum.value == 0 ? '0' : '{short(most)}')",
            gradientLength=110,
        )
        colour = alt.Color("delta", type="quantitative", scale=scale, legend=legend)
        return marks.encode(color=colour, opacity=alt.value(0.85))


def _boxed(chart: "alt.Chart") -> "alt.Chart":
    """Return marks with the place of their cells."""
    boxed: alt.Chart = chart.encode(
        x=alt.X("left", type="quantitative"),
        x2=alt.X2("right"),
        y=alt.Y("price", type="quantitative"),
        y2=alt.Y2("top"),
    )
    return boxed


def _texts(base: "alt.Chart", *, has_sides: bool) -> "list[alt.Chart]":
    """Return the volumes of each cell; those in imbalance are bold."""
    y = alt.Y("middle", type="quantitative")
    x = alt.X(NUMBER, type="quantitative")
    if not has_sides:
        volume = alt.Text("all", type="nominal")
        return [base.mark_text(fontSize=9, color=INK).encode(x=x, y=y, text=volume)]
    made = []
    beside: list[tuple[str, str, Any, int]] = [
        ("sold", "sell_imbalance", "right", -6),
        ("bought", "buy_imbalance", "left", 6),
    ]
    weights: list[tuple[str, Any, int]] = [("!", "normal", 9), ("", "bold", 10)]
    for field, flag, align, dx in beside:
        for prefix, weight, size in weights:
            kept = base.transform_filter(f"{prefix}datum.{flag}")
            mark = kept.mark_text(align=align, dx=dx, fontSize=size, fontWeight=weight, color=INK)
            made.append(mark.encode(x=x, y=y, text=alt.Text(field, type="nominal")))
    times = base.mark_text(fontSize=8, color=INK, opacity=0.6).encode(
        x=x, y=y, text=alt.value(_TIMES)
    )
    return [times, *made]


def _tooltip(prices: pl.Series) -> "list[alt.Tooltip]":
    form = price_format(prices)
    return [
        alt.Tooltip(NUMBER, type="quantitative", title="bar"),
        alt.Tooltip("price", type="quantitative", format=form),
        *(
            alt.Tooltip(field, type="quantitative", format=",")
            for field in ("volume", "sell_volume", "buy_volume", "delta")
        ),
    ]
