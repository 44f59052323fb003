"""The chart of bars: what a caller asks for, checked, and drawn."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, SupportsIndex

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core.arguments import check_count
from rangebar_polars._forks import use_threads
from rangebar_polars._plot.candles import Layout, charts_of
from rangebar_polars._plot.chains import REQUIRED, chains_of, check_schema, keys_of
from rangebar_polars._plot.extra import check_altair
from rangebar_polars._plot.offline_chart import stacked
from rangebar_polars._plot.panes import PRICE, QUOTE, pane_of
from rangebar_polars._plot.style import styled
from rangebar_polars.schema import IS_COMPLETE

if TYPE_CHECKING:
    from rangebar_polars._plot.extra import alt
from rangebar_polars._plot.units import check_units

_DEFAULT_PANES: Final = ("volume", "ofi")


@named
def plot_bars(
    bars: pl.DataFrame | pl.LazyFrame,
    *,
    last: SupportsIndex | None = 500,
    panes: str | Sequence[str] | None = None,
    by: str | Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    title: str | None = None,
    width: SupportsIndex = 800,
    height: SupportsIndex = 300,
) -> "alt.VConcatChart":
    """Return a chart of bars: candles on an axis of bar numbers, and panes of columns below them.

    The horizontal axis counts bars, because range bars follow the market and not the clock; times
    are its sparse labels and in the tooltip. Bars of several keys or thresholds are charts one
    below the other. The mouse wheel zooms, dragging moves. It needs the extra ``plot``.

    Parameters
    ----------
    bars
        A DataFrame or LazyFrame as `bars` returns it, of whatever call: with ``open_time``,
        ``close_time`` (Datetime or Date), ``open``, ``high``, ``low``, ``close`` (numbers). Bars
        whose prices are null or not finite leave a gap.
    last
        How many bars are drawn, of each chain the last; None for all.
    panes
        The columns that are drawn below the candles, in this order: numbers, Boolean or Duration.
        None means ``volume`` and ``ofi``, as far as the bars have them; ``()`` is candles alone.
        Columns of ``volume`` have the colour of the order flow where the bars have ``ofi``. A value
        that is null or not finite is not drawn.
    by
        The columns of the keys. None means those that lead the frame, where `bars` puts them; with
        ``()`` there are none. A column ``threshold_decimal_bps`` or ``rule`` is always a key.
    units
        Units for the titles of the axes, by column; ``"price"`` is that of the candles. For example
        ``{"price": "USDT", "volume": "BTC"}``. It names the unit and changes no value. Durations
        are drawn in seconds and take no other.
    title
        What the bars are of, as far as they do not say it: ``"BTCUSDT, 0.25 %"``. None is
        "Bars". The keys of a chain, and its threshold or rule if there are several, follow.
    width, height
        Of the candles, in pixels of the layout.

    Returns
    -------
    altair.VConcatChart
        Its ``save("x.png")``, ``.svg``, ``.pdf``, ``.html`` or ``.json`` writes a file; the HTML
        needs no network.

    Raises
    ------
    TypeError, ValueError
        For a bad argument, columns that are missing or of another dtype, bars of one chain that
        overlap, more than 12 chains, or nothing to draw.
    ModuleNotFoundError
        Altair is not installed.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000, 3000]).cast(pl.Datetime("ms")),
    ...         "price": [50000.0, 50125.0, 50500.0, 50370.0],
    ...         "quantity": [1.0, 2.0, 0.5, 0.25],
    ...     }
    ... )
    >>> chart = rb.plot_bars(rb.bars(trades), panes="volume", units={"volume": "BTC"})
    >>> spec = chart.to_dict()
    >>> [bar["close"] for bar in spec["data"]["values"]]
    [50125.0, 50370.0]
    >>> [view["layer"][0]["encoding"]["y"]["axis"]["title"] for view in spec["vconcat"]]
    ['price (quote currency)', 'volume (BTC)']
    """
    if not isinstance(bars, pl.DataFrame | pl.LazyFrame):
        raise TypeError(f"bars is a {type(bars).__name__}: expected a DataFrame or a LazyFrame")
    check_altair()
    if not (title is None or isinstance(title, str)):
        raise TypeError(f"title is {title!r}: expected a text")
    use_threads()
    count = None if last is None else check_count(last, "last")
    size = {"width": check_count(width, "width"), "height": check_count(height, "height")}
    schema = bars.collect_schema()
    check_schema(schema)
    keys = keys_of(schema, by)
    names = _pane_names(schema, panes)
    texts = check_units(units, [PRICE, *names])
    shown = [pane_of(name, schema[name], at, texts.get(name)) for at, name in enumerate(names)]
    read = dict.fromkeys([*keys, *REQUIRED, *names, "ofi", IS_COMPLETE])
    frame = bars.lazy().select([name for name in read if name in schema]).collect()
    price_title = f"{PRICE} ({texts.get(PRICE, QUOTE)})"
    layout = Layout(panes=shown, price_title=price_title, title=title or "", **size)
    charts = charts_of(chains_of(frame, keys, count), layout)
    return styled(charts[0] if len(charts) == 1 else stacked(charts, spacing=40))


def _pane_names(schema: pl.Schema, panes: str | Sequence[str] | None) -> list[str]:
    """Return the columns of the panes.

    Raises
    ------
    TypeError
        For what is no name and no sequence of names.
    ValueError
        For a name that is no column, or repeats.
    """
    if panes is None:
        return [name for name in _DEFAULT_PANES if name in schema]
    names = [panes] if isinstance(panes, str) or not isinstance(panes, Iterable) else list(panes)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"panes is {panes!r}: expected the name of a column, or several")
    for at, name in enumerate(names):
        if name not in schema:
            raise ValueError(
                f"pane {name!r} is no column of the bars: they have [{', '.join(schema)}] "
                "(include_microstructure=True adds the features, aggs= columns of your own)"
            )
        if name in names[:at]:
            raise ValueError(f"panes holds {name!r} twice: expected each once")
    return names
