"""The columns of the bars that trades with a given schema have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import polars as pl
from polars._typing import PolarsDataType

from rangebar_polars._argument_names import named
from rangebar_polars._core.arguments import Threshold, check_keys
from rangebar_polars._core.borders import Borders
from rangebar_polars._core.fold import fold
from rangebar_polars._core.footprint import Footprint
from rangebar_polars._core.lookback import Lookback
from rangebar_polars._core.options import Options
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.spans import MaxGap
from rangebar_polars._core.vpin import Vpin
from rangebar_polars._forks import use_threads
from rangebar_polars._trade_columns import TradeColumns


@named
def bar_schema(
    trades: Mapping[str, PolarsDataType],
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
) -> pl.Schema:
    """Return the schema of the bars of trades, without any trade.

    Parameters
    ----------
    trades
        The schema of the trades, such as ``frame.schema``, ``plan.collect_schema()``,
        `rangebar_polars.schema.TRADE_SCHEMA` or a dict of dtypes.
    threshold_decimal_bps, rule, by, reset, max_gap, aggs
        As in `bars`.
    include_microstructure, features, footprint, lookback, vpin, include_incomplete
        As in `bars`.
    prevent_same_timestamp_close, columns, state
        As in `bars`.

    Returns
    -------
    Schema
        The names and dtypes of the columns that `bars` returns for such trades and the same
        options: the keys, ``threshold_decimal_bps`` (Int64) with a list of thresholds or ``rule``
        (String) with a list of rules, the columns
        of the README's table, ``features``, those of ``footprint``, your aggregations, and
        ``is_complete`` with ``include_incomplete``.
        ``open_time`` and ``close_time`` have the dtype of the trades' times.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.
    polars.exceptions.ComputeError
        A column is missing or has a wrong dtype, as in `bars`.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = {"t": pl.Datetime("ms"), "price": pl.Float32(), "quantity": pl.Int64()}
    >>> of_bars = rb.bar_schema(trades, [250, 500], columns=rb.TradeColumns(timestamp="t"))
    >>> list(of_bars)[:3]
    ['threshold_decimal_bps', 'open_time', 'close_time']
    >>> of_bars["close_time"], of_bars["close"]
    (Datetime(time_unit='ms', time_zone=None), Float64)
    >>> rb.bar_schema(pl.DataFrame())
    Traceback (most recent call last):
    TypeError: trades is a DataFrame: expected its schema (trades.schema; of a LazyFrame
    trades.collect_schema())
    """
    options = Options.check(
        threshold_decimal_bps,
        rule=rule,
        columns=columns,
        by=by,
        reset=reset,
        max_gap=max_gap,
        aggs=aggs,
        state=state,
        include_microstructure=include_microstructure,
        features=features,
        footprint=footprint,
        lookback=lookback,
        vpin=vpin,
        include_incomplete=include_incomplete,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
    )
    if not isinstance(trades, Mapping):
        raise TypeError(
            f"trades is a {type(trades).__name__}: expected its schema (trades.schema; of a "
            "LazyFrame trades.collect_schema())"
        )
    if options.aggs:
        use_threads()
    plan = pl.LazyFrame(schema=trades).with_columns(options.expressions)
    return schema_of(plan.collect_schema() if options.expressions else pl.Schema(trades), options)


def schema_of(trades: pl.Schema, options: Options) -> pl.Schema:
    """Return the schema of bars.

    Parameters
    ----------
    trades
        The schema of the trades.
    options
        The arguments of ``bars()``.
    """
    check_keys(trades, options.by)
    if options.labels is not None and options.has_events:
        # Without a trade, every event would be after the last one.
        options = replace(options, labels=replace(options.labels, events=()))
    (empty,) = fold([], trades, options)
    return empty.schema
