"""The expressions of the compiled extension; no other module registers one.

Polars does not check the flags given here: a wrong one gives wrong rows and no error.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl
import polars.selectors as cs
from polars.plugins import register_plugin_function

from rangebar_polars import _internal
from rangebar_polars._core.bar_schema import schema_of
from rangebar_polars._core.batches import batches
from rangebar_polars._core.conditions import implied
from rangebar_polars._core.fold import CLOSE_TIME, columns_read, flagged, fold
from rangebar_polars._core.footprint import Footprint
from rangebar_polars._core.lazy_source import lazy_source
from rangebar_polars._core.options import Options
from rangebar_polars._forks import check_threads
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.schema import COLUMNS, FOOTPRINT, INTRA, THRESHOLD

# The file itself: given a folder, Polars loads the first library in it, which may be stale.
_LIBRARY: Final = Path(_internal.__file__)


def trades_struct(
    columns: TradeColumns,
    roles: Sequence[str] | None = None,
    *,
    price: pl.Expr | None = None,
    options: Options | None = None,
) -> pl.Expr:
    """Return the existing columns of trades, and those that rules bring along, as one struct.

    The compiled extension checks which are missing or have a wrong dtype.
    """
    check_threads()
    if roles is not None and columns.quantity is None and "quantity" in roles:
        # Records are counted by the rows of another column.
        roles = [*roles, "price"]
    names = {role: name for role, name in columns.names().items() if roles is None or role in roles}
    others = [name for role, name in names.items() if price is None or role != "price"]
    if price is not None and columns.price in others:
        raise ValueError(
            f"columns names {columns.price!r} for another column than the price expression "
            '(give the expression a name of its own: TradeColumns(price="..."))'
        )
    fields = [] if price is None else [price.alias(columns.price)]
    if options is not None:
        fields += options.expressions
        names_read = {*others, *(field.meta.output_name() for field in fields)}
        others += [name for name in options.brought if name not in names_read]
    # Polars refuses an empty struct with an error of its own; with the last field ours is raised.
    return pl.struct(
        *fields, cs.by_name(*others, require_all=False), pl.lit(None).alias("rangebar trades")
    )


def bars(trades: pl.Expr, options: Options) -> pl.Expr:
    """Return the bars of a struct of trades, each as a struct."""
    return register_plugin_function(
        plugin_path=_LIBRARY,
        function_name="bars",
        args=[trades],
        kwargs=options.kwargs(),
        changes_length=True,
    ).alias("bars")


def bar_id(trades: pl.Expr, options: Options) -> pl.Expr:
    """Return the ordinal of the bar that each trade belongs to."""
    return register_plugin_function(
        plugin_path=_LIBRARY, function_name="bar_id", args=[trades], kwargs=options.kwargs()
    ).alias("bar_id")


def feature(name: str, columns: TradeColumns) -> pl.Expr:
    """Return a feature, or a statistic of the bars' trades, over all trades of a group."""
    columns_of_name = {name, f"intra_{name}"}
    (output,) = (output for output in (*COLUMNS, *INTRA) if output.name in columns_of_name)
    return register_plugin_function(
        plugin_path=_LIBRARY,
        function_name="feature",
        args=[trades_struct(columns, output.reads)],
        kwargs={"name": output.name, "columns": columns.kwargs(), "footprint": None},
        returns_scalar=True,
    ).alias(name)


def footprint(asked: Footprint, columns: TradeColumns) -> pl.Expr:
    """Return the footprint of all trades of a group."""
    output = FOOTPRINT[0]
    return register_plugin_function(
        plugin_path=_LIBRARY,
        function_name="feature",
        args=[trades_struct(columns, output.reads)],
        kwargs={
            "name": output.name,
            "columns": columns.kwargs(),
            "footprint": asked.kwargs(),
        },
        returns_scalar=True,
    ).alias(output.name)


def scan(trades: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    """Return the bars of a plan as the source of another plan."""
    trades = trades.with_columns(options.expressions)

    def frames(wanted: list[str] | None, predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
        given = trades.collect_schema()
        asked = _asked(options, predicate)
        if not asked.rules:
            return
        # Chains of keys are independent, so what no chain of the result needs is not read.
        # Rows of events count the trades of all keys.
        of_keys = None if options.has_events else implied(predicate, options.by)
        chosen = trades if of_keys is None else trades.filter(of_keys)
        read = columns_read(given, asked, wanted)
        schema = pl.Schema({name: given[name] for name in read})
        plan = batches(chosen.select(cs.by_name(*read)), schema)
        for ended in fold(plan, schema, asked, wanted, whole=False):
            # Frames are flagged, and not the plan: where that is known to be sorted, Polars leaves
            # out a sort after a head, and then a head after it takes the place of the first.
            yield flagged(ended, asked) if CLOSE_TIME in ended.columns else ended

    return lazy_source(frames, lambda: schema_of(trades.collect_schema(), options))


def _asked(options: Options, predicate: pl.Expr | None) -> Options:
    """Return the options with the rules whose bars may pass a filter."""
    column = options.rule_column
    of_rules = implied(predicate, [] if column is None else [column])
    if column is None or of_rules is None or options.expressions:
        return options
    is_threshold = column == THRESHOLD
    names = list(options.thresholds if is_threshold else map(str, options.rules))
    every = pl.DataFrame(
        {column: names}, schema={column: pl.Int64() if is_threshold else pl.String()}
    )
    passing = every.with_row_index("number").filter(of_rules)["number"]
    return replace(options, rules=tuple(options.rules[number] for number in passing))
