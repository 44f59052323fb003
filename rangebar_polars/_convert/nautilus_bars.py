"""Bars of NautilusTrader."""

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from rangebar_polars._convert.chain import (
    PRICES,
    between_low_and_high,
    complete,
    one_after_another,
    with_columns,
)
from rangebar_polars._extras import extra
from rangebar_polars.schema import THRESHOLD

if TYPE_CHECKING:
    from nautilus_trader.model.data import Bar, BarType
    from nautilus_trader.model.instruments import Instrument

_TO_NANOSECONDS: Final = {"ms": 1_000_000, "us": 1_000, "ns": 1}
_NOISE: Final = 2e-15
"""How far a float may be from a decimal number by roundings of floats, relative to it."""


def to_nautilus(
    bars: pl.DataFrame, instrument: "Instrument", *, bar_type: "BarType | None" = None
) -> "list[Bar]":
    """Return the bars as NautilusTrader takes them: ``engine.add_data(...)``.

    NautilusTrader has no type of range bars; RENKO is the nearest that it has, and the step in its
    name is the threshold where the bars have the column, else 1. Its matching engine (1.2xx) ends a
    backtest with a ValueError at the first bar whose type has no length of time, RENKO and TICK
    among them, unless the venue was added with ``bar_execution=False``:
    ``engine.add_venue(..., bar_execution=False)``. Orders are then matched against trades or
    quotes, so add these too (``TradeTick``, from the trades that the bars are made of).
    `bars_per_year` annualises what its analyzer reports.

    Parameters
    ----------
    bars
        Bars of one chain: one key of ``by``, one rule. Bars that did not close are left out.
    instrument
        An instrument of NautilusTrader, with a precision of prices and sizes that holds the bars.
    bar_type
        Another type of bars than ``{instrument.id}-{step}-RENKO-LAST-EXTERNAL``.

    Returns
    -------
    list of nautilus_trader.model.data.Bar
        A bar for each row; ``ts_event`` and ``ts_init`` are its ``close_time`` in nanoseconds.

    Raises
    ------
    ModuleNotFoundError
        NautilusTrader is not installed.
    ValueError
        A column of a bar is missing, there are several rules, two bars close at once, or a
        price or volume has more decimals than the instrument.

    Examples
    --------
    ::

        from nautilus_trader.test_kit.providers import TestInstrumentProvider

        instrument = TestInstrumentProvider.btcusdt_binance()
        engine.add_venue(..., bar_execution=False)
        engine.add_data(bars.rangebar.to_nautilus(instrument))
    """
    data = extra("nautilus_trader.model.data", needed_by="to_nautilus", name="nautilus")
    objects = extra("nautilus_trader.model.objects", needed_by="to_nautilus", name="nautilus")
    name = "to_nautilus"
    chain = complete(with_columns(bars, ("close_time", *PRICES), needed_by=name))
    one_after_another(chain, needed_by=name)
    between_low_and_high(chain, needed_by=name)
    if bar_type is None:
        step = chain[THRESHOLD][0] if THRESHOLD in chain.columns and chain.height else 1
        bar_type = data.BarType.from_str(f"{instrument.id}-{step}-RENKO-LAST-EXTERNAL")
    _fit(chain, PRICES[:4], instrument.price_precision, "price")
    _fit(chain, PRICES[4:], instrument.size_precision, "size")
    return list(_bars(chain, instrument, bar_type, (data.Bar, objects.Price, objects.Quantity)))


def _fit(bars: pl.DataFrame, names: tuple[str, ...], precision: int, kind: str) -> None:
    """Refuse values of more decimals than the instrument has: they would be rounded silently."""
    for name in names:
        column = bars[name]
        off = (column - column.round(precision)).abs() > column.abs() * _NOISE
        if off.any():
            row = off.arg_true()[0]
            raise ValueError(
                f"{name} of bar {row} is {column[row]}: expected at most {precision} decimals, the "
                f"{kind}_precision of the instrument (give an instrument of more)"
            )


def _bars(chain: pl.DataFrame, instrument: "Instrument", bar_type: "BarType", kinds: Any) -> Any:  # noqa: ANN401
    """Return an iterator over the bars."""
    bar, price, quantity = kinds
    time = chain["close_time"]
    unit = time.dtype.time_unit if isinstance(time.dtype, pl.Datetime) else "ns"
    moments = time.to_physical() * _TO_NANOSECONDS[unit]
    for moment, *prices, volume in zip(moments, *(chain[name] for name in PRICES), strict=True):
        yield bar(
            bar_type,
            *(price(value, instrument.price_precision) for value in prices),
            quantity(volume, instrument.size_precision),
            moment,
            moment,
        )
