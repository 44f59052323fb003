"""``df.rangebar``, ``lf.rangebar`` and ``expr.rangebar``.

The package registers these classes so that they load at their first use. Type checkers do not see
namespaces; ``rb.FrameNamespace(df).bars()`` and the free functions are the typed interface.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, SupportsIndex, TypeVar

import polars as pl

import rangebar_polars
from rangebar_polars._argument_names import named_methods
from rangebar_polars._convert.arrow_table import to_arrow
from rangebar_polars._convert.nautilus_bars import to_nautilus
from rangebar_polars._convert.pandas_frame import to_backtesting, to_pandas
from rangebar_polars._core import plugin as _plugin
from rangebar_polars._core.arguments import SingleThreshold, Threshold
from rangebar_polars._core.bars import bar_id, bars, bars_expr
from rangebar_polars._core.borders import Borders
from rangebar_polars._core.footprint import Footprint
from rangebar_polars._core.lookback import Lookback
from rangebar_polars._core.options import Options
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.spans import MaxGap
from rangebar_polars._core.vpin import Vpin
from rangebar_polars._forks import use_threads
from rangebar_polars._trade_columns import TradeColumns

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd
    import pyarrow as pa  # type: ignore[import-untyped]
    from nautilus_trader.model.data import Bar, BarType
    from nautilus_trader.model.instruments import Instrument

Method = TypeVar("Method", bound=Callable[..., object])


def documented_by(function: Callable[..., object]) -> Callable[[Method], Method]:
    """Give a method the docstring of the function it calls, followed by its own examples."""

    def documented(method: Method) -> Method:
        # There are no docstrings under python -OO.
        whole = inspect.cleandoc(function.__doc__ or "")
        examples = inspect.cleandoc(method.__doc__ or "").partition("\n--------\n")[2]
        for frame in ("trades", "bars"):
            whole = whole.replace(f"\n{frame}\n", f"\n{frame} (the frame itself)\n")
        method.__doc__ = "\n\n".join(filter(None, [whole, examples]))
        return method

    return documented


class _OfBars:
    """What frames and plans of bars have in common."""

    _frame: pl.DataFrame | pl.LazyFrame

    def plot(
        self,
        *,
        last: SupportsIndex | None = 500,
        panes: str | Sequence[str] | None = None,
        by: str | Sequence[str] | None = None,
        units: Mapping[str, str] | None = None,
        title: str | None = None,
        width: SupportsIndex = 800,
        height: SupportsIndex = 300,
    ) -> "alt.VConcatChart":
        """Return a chart of these bars: candles, and panes of columns below them.

        It needs the extra ``plot``. `rangebar_polars.plot_bars`, which this calls, says more.

        Parameters
        ----------
        last
            How many bars of each chain are drawn; None for all.
        panes
            The columns that are drawn below the candles; None means ``volume`` and ``ofi``, as far
            as the bars have them.
        by
            The columns of the keys; None means those that lead the frame.
        units
            Units for the titles of the axes, by column: ``{"price": "USDT", "volume": "BTC"}``.
        title
            What the bars are of; None is "Bars". The keys of a chain follow.
        width, height
            Of the candles, in pixels of the layout.

        Returns
        -------
        altair.VConcatChart
            Its ``save("x.png")``, ``.svg``, ``.pdf``, ``.html`` or ``.json`` writes a file.

        Examples
        --------
        >>> import polars as pl
        >>> import rangebar_polars as rb
        >>> trades = pl.DataFrame(
        ...     {
        ...         "timestamp": pl.Series([0, 1000]).cast(pl.Datetime("ms")),
        ...         "price": [50000.0, 50125.0],
        ...         "quantity": [1.0, 2.0],
        ...     }
        ... )
        >>> chart = trades.rangebar.bars(250).rangebar.plot(panes="volume")
        >>> [(bar["number"], bar["close"]) for bar in chart.to_dict()["data"]["values"]]
        [(0, 50125.0)]
        """
        # The package loads what draws at its first use.
        return rangebar_polars.plot_bars(
            self._frame,
            last=last,
            panes=panes,
            by=by,
            units=units,
            title=title,
            width=width,
            height=height,
        )

    def plot_footprint(
        self,
        *,
        last: SupportsIndex = 10,
        by: str | Sequence[str] | None = None,
        units: Mapping[str, str] | None = None,
        title: str | None = None,
        width: SupportsIndex = 900,
        height: SupportsIndex | None = None,
    ) -> "alt.VConcatChart":
        """Return a cluster chart of these bars: what was sold and bought at each level.

        It needs the extra ``plot``. `rangebar_polars.plot_footprint`, which this calls, says more.

        Parameters
        ----------
        last
            How many bars of each chain are drawn.
        by
            The columns of the keys; None means those that lead the frame.
        units
            The unit of the price and that of the volume: ``{"price": "USDT", "volume": "BTC"}``.
        title
            What the bars are of; None is "Footprint". The keys of a chain follow.
        width, height
            In pixels of the layout; a height of None is 15 for each level, 900 at most.

        Returns
        -------
        altair.VConcatChart
            Its ``save("x.png")``, ``.svg``, ``.pdf``, ``.html`` or ``.json`` writes a file.
        """
        return rangebar_polars.plot_footprint(
            self._frame,
            last=last,
            by=by,
            units=units,
            title=title,
            width=width,
            height=height,
        )

    @documented_by(to_pandas)
    def to_pandas(self, index: str | None = "close_time") -> "pd.DataFrame":
        """Return the bars as a pandas frame: see `to_pandas` of the module of converters."""
        return to_pandas(self._collected(), index)

    @documented_by(to_backtesting)
    def to_backtesting(self) -> "pd.DataFrame":
        """Return the bars as backtesting.py takes them."""
        use_threads()
        return to_backtesting(self._collected())

    @documented_by(to_nautilus)
    def to_nautilus(
        self, instrument: "Instrument", *, bar_type: "BarType | None" = None
    ) -> "list[Bar]":
        """Return the bars as NautilusTrader takes them."""
        use_threads()
        return to_nautilus(self._collected(), instrument, bar_type=bar_type)

    @documented_by(to_arrow)
    def to_arrow(self) -> "pa.Table":
        """Return the bars as a pyarrow table."""
        return to_arrow(self._collected())

    def _collected(self) -> pl.DataFrame:
        frame = self._frame
        if not isinstance(frame, pl.LazyFrame):
            return frame
        use_threads()
        return frame.collect()


@named_methods()
class FrameNamespace(_OfBars):
    """Range bars of a DataFrame of trades; a DataFrame of bars as a chart or another table."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame: pl.DataFrame = frame

    @documented_by(bars)
    def bars(
        self,
        threshold_decimal_bps: Threshold | None = None,
        *,
        rule: Rule | Sequence[Rule] | None = None,
        by: str | Sequence[str] | None = None,
        reset: Borders | None = None,
        max_gap: MaxGap | None = None,
        aggs: pl.Expr | Iterable[pl.Expr] | None = None,
        include_microstructure: bool = False,
        features: Sequence[str] | None = None,
        footprint: Footprint | None = None,
        lookback: Lookback | None = None,
        vpin: Vpin | None = None,
        include_incomplete: bool = False,
        prevent_same_timestamp_close: bool | None = None,
        columns: TradeColumns | None = None,
        state: bytes | None = None,
    ) -> pl.DataFrame:
        """Return the range bars of the trades: see `rangebar_polars.bars`."""
        return bars(
            self._frame,
            threshold_decimal_bps,
            rule=rule,
            by=by,
            reset=reset,
            max_gap=max_gap,
            aggs=aggs,
            include_microstructure=include_microstructure,
            features=features,
            footprint=footprint,
            lookback=lookback,
            vpin=vpin,
            include_incomplete=include_incomplete,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            columns=columns,
            state=state,
        )


@named_methods()
class LazyFrameNamespace(_OfBars):
    """Range bars of a plan over trades; a plan of bars as a chart or another library's table."""

    def __init__(self, frame: pl.LazyFrame) -> None:
        self._frame: pl.LazyFrame = frame

    @documented_by(bars)
    def bars(
        self,
        threshold_decimal_bps: Threshold | None = None,
        *,
        rule: Rule | Sequence[Rule] | None = None,
        by: str | Sequence[str] | None = None,
        reset: Borders | None = None,
        max_gap: MaxGap | None = None,
        aggs: pl.Expr | Iterable[pl.Expr] | None = None,
        include_microstructure: bool = False,
        features: Sequence[str] | None = None,
        footprint: Footprint | None = None,
        lookback: Lookback | None = None,
        vpin: Vpin | None = None,
        include_incomplete: bool = False,
        prevent_same_timestamp_close: bool | None = None,
        columns: TradeColumns | None = None,
        state: bytes | None = None,
    ) -> pl.LazyFrame:
        """Return the range bars of the trades, still lazy: see `rangebar_polars.bars`."""
        return bars(
            self._frame,
            threshold_decimal_bps,
            rule=rule,
            by=by,
            reset=reset,
            max_gap=max_gap,
            aggs=aggs,
            include_microstructure=include_microstructure,
            features=features,
            footprint=footprint,
            lookback=lookback,
            vpin=vpin,
            include_incomplete=include_incomplete,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            columns=columns,
            state=state,
        )


@named_methods()
class ExprNamespace:
    """Range bars of a price expression; the other columns of the trades are found by name."""

    def __init__(self, price: pl.Expr) -> None:
        self._price = price

    @documented_by(bars_expr)
    def bars(
        self,
        threshold_decimal_bps: SingleThreshold | None = None,
        *,
        rule: Rule | None = None,
        reset: Borders | None = None,
        max_gap: MaxGap | None = None,
        include_microstructure: bool = False,
        features: Sequence[str] | None = None,
        footprint: Footprint | None = None,
        lookback: Lookback | None = None,
        vpin: Vpin | None = None,
        include_incomplete: bool = False,
        prevent_same_timestamp_close: bool | None = None,
        columns: TradeColumns | None = None,
    ) -> pl.Expr:
        """Return the range bars of these prices: see `rangebar_polars.bars_expr`.

        Examples
        --------
        >>> import polars as pl
        >>> import rangebar_polars
        >>> quotes = pl.DataFrame(
        ...     {
        ...         "timestamp": pl.Series([0, 1000]).cast(pl.Datetime("ms")),
        ...         "bid": [99.0, 101.0],
        ...         "ask": [101.0, 103.0],
        ...         "quantity": [1.0, 1.0],
        ...     }
        ... )
        >>> mid = (pl.col("bid") + pl.col("ask")) / 2
        >>> quotes.select(mid.rangebar.bars(250)).unnest("bars").select("open", "close")
        shape: (1, 2)
        ┌───────┬───────┐
        │ open  ┆ close │
        │ ---   ┆ ---   │
        │ f64   ┆ f64   │
        ╞═══════╪═══════╡
        │ 100.0 ┆ 102.0 │
        └───────┴───────┘
        """
        options = Options.check(
            threshold_decimal_bps,
            rule=rule,
            one="an expression makes bars",
            columns=columns,
            reset=reset,
            max_gap=max_gap,
            include_microstructure=include_microstructure,
            features=features,
            footprint=footprint,
            lookback=lookback,
            vpin=vpin,
            include_incomplete=include_incomplete,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
        )
        trades = _plugin.trades_struct(options.columns, price=self._price, options=options)
        return _plugin.bars(trades, options)

    @documented_by(bar_id)
    def bar_id(
        self,
        threshold_decimal_bps: SingleThreshold | None = None,
        *,
        rule: Rule | None = None,
        reset: Borders | None = None,
        max_gap: MaxGap | None = None,
        prevent_same_timestamp_close: bool | None = None,
        columns: TradeColumns | None = None,
    ) -> pl.Expr:
        """Return the bar of each of these prices: see `rangebar_polars.bar_id`."""
        options = Options.check(
            threshold_decimal_bps,
            rule=rule,
            one="an expression makes bars",
            columns=columns,
            reset=reset,
            max_gap=max_gap,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
        )
        return _plugin.bar_id(
            _plugin.trades_struct(options.columns, price=self._price, options=options), options
        )
