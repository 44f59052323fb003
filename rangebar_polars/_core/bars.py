"""Range bars of a frame, of a plan or in an expression, and the bar of each trade."""

from collections.abc import Iterable, Sequence
from typing import overload

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._argument_names import named
from rangebar_polars._core import plugin as _plugin
from rangebar_polars._core.arguments import SingleThreshold, Threshold, check_keys
from rangebar_polars._core.borders import Borders
from rangebar_polars._core.caller import warn_of
from rangebar_polars._core.fold import exported, flagged, fold, no_table, read_table
from rangebar_polars._core.footprint import Footprint
from rangebar_polars._core.lookback import Lookback
from rangebar_polars._core.options import Options
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.spans import MaxGap
from rangebar_polars._core.vpin import Vpin
from rangebar_polars._forks import use_own_threads, use_threads
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.schema import ArrowStream, is_arrow_stream


@overload
def bars(
    trades: pl.LazyFrame,
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
) -> pl.LazyFrame: ...


@overload
def bars(
    trades: pl.DataFrame | ArrowStream,
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
) -> pl.DataFrame: ...


@named
def bars(
    trades: pl.DataFrame | pl.LazyFrame | ArrowStream,
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
) -> pl.DataFrame | pl.LazyFrame:
    """Return the bars of trades: range bars, or bars of another rule.

    A range bar opens with a trade, whose price fixes two limits one threshold above and below. It
    closes with the first later trade at or beyond a limit; that trade is the bar's last, and the
    next trade opens the next bar. Another ``rule`` says otherwise when a bar closes.

    Parameters
    ----------
    trades
        A DataFrame, a LazyFrame, or anything with ``__arrow_c_stream__`` (a pyarrow Table, a DuckDB
        result). They must be sorted by time, and by id where times are equal. Columns:
        see `TradeColumns`.
    threshold_decimal_bps
        How far the price must move from a bar's open: 1 to 100,000 decimal basis points of
        0.001 %, so that 250 is 0.25 %. Several take one pass over the trades, and add a
        leading column ``threshold_decimal_bps``. None is 250, or what ``rule`` says.
    rule
        Another rule for when a bar ends, such as ``DollarRule(1e6)``, in place of a threshold.
        A sequence takes one pass over the trades, and adds the column ``rule`` with their texts.
    by
        One or several key columns: each key has its own chain of bars, and the key columns come
        first in the output. Any dtype except floats; null is a key.
    reset
        Where a new chain begins; the bar cut off there is incomplete. "day", "week" (from Monday),
        "month" or "year": at the first trade at or after a UTC border of that period. A
        `TradingDay`: after a time of day in a zone. An expression, such as ``pl.col("session")`` or
        `sessions`: where its value differs from that of the trade before (of the same key); null is
        a value. It may be Boolean, an integer, Date, Datetime, String, Categorical or Enum, and is
        computed as in ``with_columns``, before the bars; with ``state`` it must be a column.
    max_gap
        A length of time such as "30m", or a timedelta: a trade more than that after the one before
        does not join the open bar. The bar cut off there is incomplete.
    aggs
        Your own aggregations over the trades of each bar, as in ``group_by(...).agg(...)``; their
        columns come last, before ``is_complete``. The trades of open bars are in memory until the
        bars end.
    include_microstructure
        Add sums, counts, ids and the features.
    features
        Names of columns to add after those, in this order, such as ``["intra_kaufman_er", "ofi"]``:
        the statistics of the trades of each bar (`rangebar_polars.schema.INTRA`), with ``lookback``
        those of the trades before it, and single ones of the columns that
        ``include_microstructure`` adds.
    footprint
        Add what was bought and sold at each price, such as ``Footprint(tick=0.5)``: a list of
        levels, their ``poc``, value area and imbalances (`rangebar_polars.schema.FOOTPRINT`).
    lookback
        Add statistics of the trades before each bar's first one
        (`rangebar_polars.schema.LOOKBACK`): of so many trades, 1 to 1,000,000, or of a span of
        time such as "5m", whose far end is not in it. All of them without ``features``; with it,
        those that it names. They are null where too few trades came before, and with ``reset``
        none before the border counts. They are known when the bar opens.
    vpin
        Add ``lookback_vpin``, the imbalance of the last full buckets of volume before each bar's
        first trade, such as ``Vpin(bucket_volume=10.0, buckets=50)``. With ``reset`` buckets begin
        anew at the border.
    include_incomplete
        Add bars that were cut off, at the end the open bars, and the column ``is_complete``.
    prevent_same_timestamp_close
        Whether a trade at the opening time of a bar cannot close it; None is True. A rule has its
        own.
    columns
        The names of the columns of the trades.
    state
        A checkpoint (`bars_with_state`, `RangeBarProcessor.create_checkpoint`) to start from. It
        must have the same rule, ``by``, ``reset`` and ``max_gap``, and any ``lookback``, ``vpin``
        and tick of a ``footprint`` that this call asks for; not with ``aggs``.

    Returns
    -------
    DataFrame or LazyFrame
        One row for each bar, in the order in which bars end (by threshold if several end with the
        same trade): ``open_time``, ``close_time`` (in the dtype of the input), ``open``,
        ``high``, ``low``, ``close``, ``volume`` (Float64, never null); with
        ``include_microstructure`` the columns of the README's table, then ``features``,
        ``lookback_vpin``, the columns of ``footprint`` and ``aggs``, and ``is_complete`` with
        ``include_incomplete``. The result is lazy for a LazyFrame:
        trades are streamed in constant memory, only the columns that the plan uses are computed,
        and a head after it stops the reading early. Conditions of a later filter that read keys
        alone are applied to the trades too, and those on ``threshold_decimal_bps`` to the
        thresholds: bars of no other chain are computed, and its trades are not checked. Without
        ``by``, ``close_time`` is flagged as sorted.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong; raised by the call.
    polars.exceptions.ComputeError
        Trades are bad. A missing column or a wrong dtype is raised as soon as the schema is known;
        a null, a value that is not finite or out of range, time that goes back, or a repeated id
        is raised when the row is read, and so are more than 1,000,000 trades in the span of
        ``lookback`` before a bar. The error names the row and the remedy.

    Warns
    -----
    RangeBarWarning
        Prices have more than 8 decimals, a quantity above 0 counts as 0, or wanted columns need a
        side and the trades have none. A plan warns when it runs.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000, 3000]).cast(pl.Datetime("ms")),
    ...         "price": [50000.0, 50125.0, 50500.0, 50450.0],
    ...         "quantity": [1.0, 2.0, 0.5, 0.25],
    ...     }
    ... )
    >>> rb.bars(trades, 250).drop("open_time")
    shape: (1, 6)
    ┌─────────────────────┬─────────┬─────────┬─────────┬─────────┬────────┐
    │ close_time          ┆ open    ┆ high    ┆ low     ┆ close   ┆ volume │
    │ ---                 ┆ ---     ┆ ---     ┆ ---     ┆ ---     ┆ ---    │
    │ datetime[ms]        ┆ f64     ┆ f64     ┆ f64     ┆ f64     ┆ f64    │
    ╞═════════════════════╪═════════╪═════════╪═════════╪═════════╪════════╡
    │ 1970-01-01 00:00:01 ┆ 50000.0 ┆ 50125.0 ┆ 50000.0 ┆ 50125.0 ┆ 3.0    │
    └─────────────────────┴─────────┴─────────┴─────────┴─────────┴────────┘
    >>> rb.bars(trades.reverse())
    Traceback (most recent call last):
    polars.exceptions.ComputeError: trades are not sorted by time at row 1: 1970-01-01 00:00:02.000
    after 1970-01-01 00:00:03.000 (sort by timestamp and trade id; without ids, reverse trades that
    come newest first; a join, unique or group_by before needs maintain_order)
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
    return bars_of(trades, options)


@overload
def bars_of(trades: pl.LazyFrame, options: Options) -> pl.LazyFrame: ...


@overload
def bars_of(trades: pl.DataFrame | ArrowStream, options: Options) -> pl.DataFrame: ...


@overload
def bars_of(
    trades: pl.DataFrame | pl.LazyFrame | ArrowStream, options: Options
) -> pl.DataFrame | pl.LazyFrame: ...


def bars_of(
    trades: pl.DataFrame | pl.LazyFrame | ArrowStream, options: Options
) -> pl.DataFrame | pl.LazyFrame:
    """Return the bars of trades, or what the options ask for instead."""
    if isinstance(trades, pl.LazyFrame):
        return _plugin.scan(trades, options)
    if options.by:
        use_own_threads()
    if options.aggs or options.has_events or options.expressions:
        use_threads()
    if isinstance(trades, pl.DataFrame):
        check_keys(trades.schema, options.by)
        trades = _with_expressions(trades, options)
    elif not is_arrow_stream(trades):
        raise no_table(trades)
    if options.aggs or options.expressions or options.state is not None or options.has_events:
        frame = (
            trades
            if isinstance(trades, pl.DataFrame)
            else _with_expressions(read_table(trades, options), options)
        )
        return flagged(pl.concat(fold([frame], frame.schema, options)), options)
    table = exported(trades, options) if isinstance(trades, pl.DataFrame) else trades
    result, notices = _internal.bars(table, options.kwargs(threaded=True))
    warn_of(notices, set())
    return flagged(result, options)


def _with_expressions(trades: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Return trades with the columns that rules bring along."""
    return trades.with_columns(options.expressions) if options.expressions else trades


@named
def bars_expr(
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
    """Return range bars as an expression: a struct for each bar, in a column ``bars``.

    Use it in ``select``, or in ``group_by(...).agg(...)``, where each group has its own chain of
    bars and gives a list. The streaming engine collects the whole column first, so for files
    larger than memory use `bars` on the LazyFrame.

    Parameters
    ----------
    threshold_decimal_bps, rule, reset, max_gap, include_microstructure, include_incomplete
        As in `bars`; one rule.
    features, footprint, lookback, vpin, prevent_same_timestamp_close
        As in `bars`.
    columns
        The names of the columns of the trades.

    Returns
    -------
    Expr
        Struct with the columns of `bars` as fields; its length is the number of bars.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong; raised by the call. Bad trades raise ComputeError as in `bars`.

    Notes
    -----
    An expression cannot issue the warnings of `bars`.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "symbol": ["A", "B", "A", "B"],
    ...         "timestamp": pl.Series([0, 0, 1000, 1000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 7.0, 101.0, 7.001],
    ...         "quantity": [1.0, 1.0, 1.0, 1.0],
    ...     }
    ... )
    >>> of_each = trades.group_by("symbol", maintain_order=True).agg(rb.bars_expr(250))
    >>> of_each.explode("bars").drop_nulls("bars").unnest("bars").select("symbol", "open", "close")
    shape: (1, 3)
    ┌────────┬───────┬───────┐
    │ symbol ┆ open  ┆ close │
    │ ---    ┆ ---   ┆ ---   │
    │ str    ┆ f64   ┆ f64   │
    ╞════════╪═══════╪═══════╡
    │ A      ┆ 100.0 ┆ 101.0 │
    └────────┴───────┴───────┘
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
    return _plugin.bars(_plugin.trades_struct(options.columns, options=options), options)


@named
def bar_id(
    threshold_decimal_bps: SingleThreshold | None = None,
    *,
    rule: Rule | None = None,
    reset: Borders | None = None,
    max_gap: MaxGap | None = None,
    prevent_same_timestamp_close: bool | None = None,
    columns: TradeColumns | None = None,
) -> pl.Expr:
    """Return the ordinal of the bar that each trade belongs to, in a column ``bar_id``.

    If you group by it, any Polars aggregation is a feature of the bar. For several chains in one
    frame add ``.over("symbol")``.

    Parameters
    ----------
    threshold_decimal_bps, rule, reset, max_gap, prevent_same_timestamp_close
        As in `bars`; one rule.
    columns
        The names of the columns of the trades.

    Returns
    -------
    Expr
        Int64, one value for each trade, counted from 0 and never null; trades of the open bar have
        an id too.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong; raised by the call. Bad trades raise ComputeError as in `bars`.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000, 3000]).cast(pl.Datetime("ms")),
    ...         "price": [50000.0, 50125.0, 50500.0, 50300.0],
    ...         "quantity": [1.0, 2.0, 0.5, 0.25],
    ...     }
    ... )
    >>> trades.group_by(rb.bar_id(250), maintain_order=True).agg(pl.col("price").mean())
    shape: (2, 2)
    ┌────────┬─────────┐
    │ bar_id ┆ price   │
    │ ---    ┆ ---     │
    │ i64    ┆ f64     │
    ╞════════╪═════════╡
    │ 0      ┆ 50062.5 │
    │ 1      ┆ 50400.0 │
    └────────┴─────────┘
    """
    options = Options.check(
        threshold_decimal_bps,
        rule=rule,
        one="an expression makes bars",
        columns=columns,
        reset=reset,
        max_gap=max_gap,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
    )
    return _plugin.bar_id(_plugin.trades_struct(options.columns, options=options), options)
