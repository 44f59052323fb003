"""Labels: what became of the price after the close of each bar.

A label knows the future of its bar, so it is a target to learn and never a feature: `bars` has no
column of labels, and ``rb.labels`` is the only place that makes them.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, overload

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core.arguments import SingleThreshold, Threshold, check_count, check_names
from rangebar_polars._core.bars import bars_of
from rangebar_polars._core.borders import Borders
from rangebar_polars._core.labels import (
    EVENT,
    MOST_BARS,
    Horizon,
    Labels,
    check_barriers,
    check_events,
    check_horizons,
)
from rangebar_polars._core.options import Options
from rangebar_polars._core.rules.expressions import WhenRule
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.spans import MaxGap, Span
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.schema import ArrowStream

__all__ = ["forward_return", "forward_return_of_bars", "triple_barrier"]

_SCALE: Final = 1e8


@overload
def triple_barrier(
    trades: pl.LazyFrame,
    threshold_decimal_bps: Threshold | None = None,
    *,
    take_profit: SingleThreshold | None = None,
    stop_loss: SingleThreshold | None = None,
    horizon: Horizon | None = None,
    events: pl.DataFrame | None = None,
    rule: Rule | Sequence[Rule] | None = None,
    by: str | Sequence[str] | None = None,
    reset: Borders | None = None,
    max_gap: MaxGap | None = None,
    prevent_same_timestamp_close: bool | None = None,
    columns: TradeColumns | None = None,
) -> pl.LazyFrame: ...


@overload
def triple_barrier(
    trades: pl.DataFrame | ArrowStream,
    threshold_decimal_bps: Threshold | None = None,
    *,
    take_profit: SingleThreshold | None = None,
    stop_loss: SingleThreshold | None = None,
    horizon: Horizon | None = None,
    events: pl.DataFrame | None = None,
    rule: Rule | Sequence[Rule] | None = None,
    by: str | Sequence[str] | None = None,
    reset: Borders | None = None,
    max_gap: MaxGap | None = None,
    prevent_same_timestamp_close: bool | None = None,
    columns: TradeColumns | None = None,
) -> pl.DataFrame: ...


@named
def triple_barrier(
    trades: pl.DataFrame | pl.LazyFrame | ArrowStream,
    threshold_decimal_bps: Threshold | None = None,
    *,
    take_profit: SingleThreshold | None = None,
    stop_loss: SingleThreshold | None = None,
    horizon: Horizon | None = None,
    events: pl.DataFrame | None = None,
    rule: Rule | Sequence[Rule] | None = None,
    by: str | Sequence[str] | None = None,
    reset: Borders | None = None,
    max_gap: MaxGap | None = None,
    prevent_same_timestamp_close: bool | None = None,
    columns: TradeColumns | None = None,
) -> pl.DataFrame | pl.LazyFrame:
    """Return which barrier the price touches first after each bar, or after each of your events.

    The event is the closing trade of a bar. The trades after it *in order* decide, whatever their
    time, and each of them is looked at, not only the closes of later bars. The first whose price is
    at or beyond a barrier touches it. Barriers are rounded up to the next unit of 1e-8, as the
    limits of a bar are.

    Parameters
    ----------
    trades
        As in `bars`.
    threshold_decimal_bps, rule, by, reset, max_gap, prevent_same_timestamp_close, columns
        As in `bars`: the labels are those of its complete bars.
    take_profit, stop_loss
        How far above and below the event's price the barriers lie: 1 to 100,000 decimal basis
        points, 250 is 0.25 %. None: no such barrier; one of both is needed. For a short position
        the two change places.
    horizon
        Where the look ends without a touch: a number of bars (with the closing trade of that many
        complete bars later, of the same chain; a touch by that trade is a touch) or a span such as
        "5m", "1h30m" or a timedelta (with the last trade that is not more than that later). None:
        nowhere.
        A sequence gives each its own columns, ``label_20`` or ``label_5m``, in one pass.
    events
        Your own events instead of bars: a frame with ``row``, the row of each among the trades of
        all keys (from 0, ascending; several may share one), and optionally ``take_profit`` and
        ``stop_loss`` (integers, null for no such barrier), so that barriers may follow a
        volatility. Only spans are horizons then.

    Returns
    -------
    DataFrame or LazyFrame
        One row for each complete bar, in the order and with the key columns of `bars`, so that both
        stand side by side; of ``events`` one row for each, with ``row`` after the keys. Then
        ``close_time`` (in the dtype of the input), ``close`` (Float64), and for each horizon
        ``label`` (Int8: 1 take profit, -1 stop loss, 0 horizon), ``ret`` (Float64, a fraction of
        the close: at the touching trade's own price, which may be beyond the barrier, or at the
        last trade of the horizon), ``touch_time`` (in the dtype of the input) and ``touch_kind``
        (Enum: take_profit, stop_loss, horizon). All four are null where the trades end before it is
        known: a span has ended when a later trade is seen. Lazy for a LazyFrame; memory grows with
        the events from the oldest open one on, so an event without a horizon holds all after it.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong, as in `bars`; a threshold, or a horizon in bars, stands beside
        ``events``; no barrier is given.
    polars.exceptions.ComputeError
        Trades are bad, as in `bars`. An event is wrong (at once), or is after the last trade. A
        span is no whole number of the units of the times.

    Warns
    -----
    RangeBarWarning
        Prices have more than 8 decimals, or a quantity above 0 counts as 0.

    Notes
    -----
    Labels run across the borders of ``reset`` and across gaps: the first trade after a gap touches
    the barrier that it is beyond, which ``touch_time - close_time`` shows.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000, 3000, 4000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 101.0, 100.8, 101.6, 100.5],
    ...         "quantity": [1.0, 1.0, 1.0, 1.0, 1.0],
    ...     }
    ... )
    >>> labels = rb.labels.triple_barrier(trades, 1000, take_profit=500, stop_loss=500)
    >>> labels.select("close", "label", "ret", "touch_kind")
    shape: (1, 4)
    ┌───────┬───────┬──────────┬─────────────┐
    │ close ┆ label ┆ ret      ┆ touch_kind  │
    │ ---   ┆ ---   ┆ ---      ┆ ---         │
    │ f64   ┆ i8    ┆ f64      ┆ enum        │
    ╞═══════╪═══════╪══════════╪═════════════╡
    │ 101.0 ┆ 1     ┆ 0.005941 ┆ take_profit │
    └───────┴───────┴──────────┴─────────────┘
    >>> bars = rb.bars(trades, 1000)
    >>> pl.concat([bars, labels.drop("close_time", "close")], how="horizontal").shape
    (1, 11)
    """
    up, down = check_barriers(take_profit, stop_loss)
    horizons = check_horizons(horizon)
    of_events = {*events.columns} if isinstance(events, pl.DataFrame) else set[str]()
    if up is down is None and not {"take_profit", "stop_loss"} & of_events:
        raise ValueError(
            "take_profit and stop_loss are None: expected at least one of both (returns without "
            "barriers: rb.labels.forward_return)"
        )
    labels = Labels(has_barriers=True, take_profit=up, stop_loss=down, horizons=horizons)
    options = _options(
        labels,
        threshold_decimal_bps,
        events=events,
        rule=rule,
        by=by,
        reset=reset,
        max_gap=max_gap,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
        columns=columns,
    )
    return bars_of(trades, options)


@overload
def forward_return(
    trades: pl.LazyFrame,
    threshold_decimal_bps: Threshold | None = None,
    *,
    horizon: Horizon,
    events: pl.DataFrame | None = None,
    rule: Rule | Sequence[Rule] | None = None,
    by: str | Sequence[str] | None = None,
    reset: Borders | None = None,
    max_gap: MaxGap | None = None,
    prevent_same_timestamp_close: bool | None = None,
    columns: TradeColumns | None = None,
) -> pl.LazyFrame: ...


@overload
def forward_return(
    trades: pl.DataFrame | ArrowStream,
    threshold_decimal_bps: Threshold | None = None,
    *,
    horizon: Horizon,
    events: pl.DataFrame | None = None,
    rule: Rule | Sequence[Rule] | None = None,
    by: str | Sequence[str] | None = None,
    reset: Borders | None = None,
    max_gap: MaxGap | None = None,
    prevent_same_timestamp_close: bool | None = None,
    columns: TradeColumns | None = None,
) -> pl.DataFrame: ...


@named
def forward_return(
    trades: pl.DataFrame | pl.LazyFrame | ArrowStream,
    threshold_decimal_bps: Threshold | None = None,
    *,
    horizon: Horizon,
    events: pl.DataFrame | None = None,
    rule: Rule | Sequence[Rule] | None = None,
    by: str | Sequence[str] | None = None,
    reset: Borders | None = None,
    max_gap: MaxGap | None = None,
    prevent_same_timestamp_close: bool | None = None,
    columns: TradeColumns | None = None,
) -> pl.DataFrame | pl.LazyFrame:
    """Return the return from the close of each bar, or from each of your events, to a horizon.

    Parameters
    ----------
    trades
        As in `bars`.
    threshold_decimal_bps, rule, by, reset, max_gap, prevent_same_timestamp_close, columns
        As in `bars`: the returns are those of its complete bars.
    horizon
        As in `triple_barrier`: a number of bars, a span, or a sequence of both, which gives
        ``forward_return_20`` or ``forward_return_5m`` in one pass.
    events
        As in `triple_barrier`, with ``row`` alone.

    Returns
    -------
    DataFrame or LazyFrame
        Rows as of `triple_barrier`: ``close_time`` (in the dtype of the input), ``close``
        (Float64), and for each horizon ``forward_return`` (Float64, a fraction of the close; null
        where the trades end before the horizon is known to have ended).

    Raises
    ------
    TypeError, ValueError, polars.exceptions.ComputeError
        As in `triple_barrier`.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000, 3000, 4000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 101.0, 100.8, 101.6, 102.0],
    ...         "quantity": [1.0, 1.0, 1.0, 1.0, 1.0],
    ...     }
    ... )
    >>> returns = rb.labels.forward_return(trades, 1000, horizon=[1, "2s"])
    >>> returns.select(pl.exclude("close_time"))
    shape: (2, 3)
    ┌───────┬──────────────────┬───────────────────┐
    │ close ┆ forward_return_1 ┆ forward_return_2s │
    │ ---   ┆ ---              ┆ ---               │
    │ f64   ┆ f64              ┆ f64               │
    ╞═══════╪══════════════════╪═══════════════════╡
    │ 101.0 ┆ 0.009901         ┆ 0.005941          │
    │ 102.0 ┆ null             ┆ null              │
    └───────┴──────────────────┴───────────────────┘
    """
    if horizon is None:
        raise TypeError("horizon is None: expected a number of bars, such as 20, or a span")
    options = _options(
        Labels(has_barriers=False, horizons=check_horizons(horizon)),
        threshold_decimal_bps,
        events=events,
        rule=rule,
        by=by,
        reset=reset,
        max_gap=max_gap,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
        columns=columns,
    )
    return bars_of(trades, options)


def _options(
    labels: Labels,
    threshold_decimal_bps: Threshold | None,
    *,
    events: pl.DataFrame | None,
    rule: Rule | Sequence[Rule] | None,
    by: str | Sequence[str] | None,
    reset: Borders | None,
    max_gap: MaxGap | None,
    prevent_same_timestamp_close: bool | None,
    columns: TradeColumns | None,
) -> Options:
    """Return the options of bars whose ends, or of trades of which some, get labels."""
    if events is not None:
        without: dict[str, object] = {
            "threshold_decimal_bps": threshold_decimal_bps,
            "rule": rule,
            "reset": reset,
            "max_gap": max_gap,
            "prevent_same_timestamp_close": prevent_same_timestamp_close,
        }
        labels = replace(labels, events=check_events(events, labels=labels, without=without))
        rule = WhenRule(pl.col(EVENT))
    options = Options.check(
        threshold_decimal_bps,
        rule=rule,
        columns=columns,
        by=by,
        reset=reset,
        max_gap=max_gap,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
        labels=labels,
    )
    check_names([*labels.columns(), *options.by], of_trades=True)
    return options


@named
def forward_return_of_bars(horizon: int) -> pl.Expr:
    """Return the return to the close some bars later, as an expression over a frame of bars.

    It needs no trades, and is `forward_return` of the same number of bars to the last bit. Use it
    over the complete bars of one chain; of several chains, with ``.over("symbol")``.

    Parameters
    ----------
    horizon
        How many rows later. A span of time ends between the closes of bars, so it needs the trades:
        `forward_return`.

    Returns
    -------
    Expr
        Float64, in a column ``forward_return``: a fraction of ``close``; null in the last rows, for
        which the later close is not known.

    Raises
    ------
    TypeError, ValueError
        The horizon is a span, or not an integer of 1 or more.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> bars = pl.DataFrame({"close": [100.0, 101.0, 99.99]})
    >>> bars.with_columns(rb.labels.forward_return_of_bars(1))
    shape: (3, 2)
    ┌───────┬────────────────┐
    │ close ┆ forward_return │
    │ ---   ┆ ---            │
    │ f64   ┆ f64            │
    ╞═══════╪════════════════╡
    │ 100.0 ┆ 0.01           │
    │ 101.0 ┆ -0.01          │
    │ 99.99 ┆ null           │
    └───────┴────────────────┘
    """
    if isinstance(horizon, Span):
        raise TypeError(
            f"horizon is {horizon!r}: expected a number of bars (a span ends between the closes of "
            f"bars, and needs the trades: rb.labels.forward_return(trades, horizon={horizon!r}))"
        )
    bars = check_count(horizon, "horizon", most=MOST_BARS)
    # The integers of the compiled extension: rounded half away from zero.
    close = (pl.col("close") * _SCALE).round(mode="half_away_from_zero").cast(pl.Int64)
    later = close.shift(-bars)
    return ((later - close).cast(pl.Float64) / close.cast(pl.Float64)).alias("forward_return")
