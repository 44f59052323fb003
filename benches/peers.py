"""What other libraries make of the same trades: the rows at which their bars end.

Each function imports its library when it is called, takes trades as arrays, and returns row
numbers, so that a test, a record and a measurement compare one thing. No library is needed to read
this file.
"""

import math
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass
from importlib import import_module
from itertools import accumulate
from typing import Any, Final

import polars as pl

Ends = list[int]
"""The rows of the last trades of bars."""

TICKS: Final = 100
VOLUME: Final = 5.0
DOLLARS: Final = 250_000.0
CUSUM: Final = 10
"""A threshold in decimal basis points."""
IMBALANCE: Final = 20
RUN_LENGTH: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Peer:
    """A function of another library, and the rule of ours that is nearest to it.

    Attributes
    ----------
    library
        The name of its distribution.
    rule
        The text of the rule.
    ends
        The call.
    bars
        A quicker one, where the library has one that does not say at which rows bars end; it
        returns something that has the length of the bars.
    """

    library: str
    rule: str
    ends: Callable[[pl.DataFrame], Ends]
    bars: Callable[[pl.DataFrame], Sized] | None = None


def _frame(trades: pl.DataFrame) -> Any:  # noqa: ANN401 - of pandas
    """Return trades in the three columns that mlfinpy reads."""
    columns = {"date_time": "timestamp", "price": "price", "volume": "quantity"}
    frame = {name: trades[column].to_numpy() for name, column in columns.items()}
    return import_module("pandas").DataFrame(frame)


def _mlfinpy(kind: str, limit: float) -> Callable[[pl.DataFrame], Ends]:
    def ends(trades: pl.DataFrame) -> Ends:
        made = import_module("mlfinpy.data_structure.standard_bars")
        bars = getattr(made, f"get_{kind}_bars")(_frame(trades), threshold=limit, verbose=False)
        return [int(number) - 1 for number in bars["tick_num"]]

    return ends


def mlfinpy_cusum(trades: pl.DataFrame, threshold_decimal_bps: int = CUSUM) -> Ends:
    """Return the events of mlfinpy's filter, in the log returns of a threshold."""
    found = import_module("mlfinpy.filters.filters").cusum_filter
    threshold = math.log1p(threshold_decimal_bps / 100_000)
    return [*map(int, found(_frame(trades)["price"], threshold, time_stamps=False))]


def mlfinpy_imbalance(trades: pl.DataFrame, expected_ticks: int, window: int) -> Ends:
    """Return mlfinpy's bars of the tick imbalance, with a number of ticks that stands still."""
    made = import_module("mlfinpy.data_structure.imbalance_bars")
    bars, _ = made.get_const_tick_imbalance_bars(
        _frame(trades),
        expected_imbalance_window=window,
        exp_num_ticks_init=expected_ticks,
        verbose=False,
    )
    return [int(number) - 1 for number in bars["tick_num"]]


def _finmlkit(kind: str, *limit: object) -> Callable[[pl.DataFrame], Ends]:
    def ends(trades: pl.DataFrame) -> Ends:
        made, of_trades = (import_module(f"finmlkit.bar.{name}") for name in ("kit", "data_model"))
        times = trades["timestamp"].dt.epoch("ns").to_numpy()
        given = of_trades.TradesData(
            times, trades["price"].to_numpy(), trades["quantity"].to_numpy(), timestamp_unit="ns"
        )
        _, rows = getattr(made, f"{kind}BarKit")(given, *limit)._comp_bar_close()  # noqa: SLF001
        # The first is where it begins.
        return [*map(int, rows[1:])]

    return ends


def finmlkit_cusum(trades: pl.DataFrame) -> Ends:
    """Return the bars of finmlkit's filter, with a threshold that stands still."""
    threshold = math.log1p(CUSUM / 100_000)
    sigma = pl.select(pl.repeat(threshold, trades.height)).to_series().to_numpy(writable=True)
    return _finmlkit("CUSUM", sigma, 0.0, 1.0)(trades)


def _tickbar(kind: str, limit: float) -> Callable[[pl.DataFrame], Ends]:
    """Return a call of tickbar, which counts whole units: here those of the sample's decimals."""
    price, size = 10**2, 10**5
    units = round(limit * {"tick": 1, "volume": size, "dollar": price * size}[kind])

    def ends(trades: pl.DataFrame) -> Ends:
        bars = getattr(import_module("tickbar").TickAggregator, f"{kind}_bar")(units)
        whole = [
            (trades[name] * of).round().cast(pl.Int64)
            for name, of in (("price", price), ("quantity", size))
        ]
        times = trades["timestamp"].dt.epoch("ns")
        bars.push_from_numpy(*(column.to_numpy() for column in (times, *whole)))
        is_open = bars.current_bar() is not None
        counts = [int(bar[6]) for bar in bars.finalize().to_records()]
        return [through - 1 for through in accumulate(counts)][: len(counts) - is_open]

    return ends


def _wickra(kind: str, limit: float, *, sized: bool) -> Callable[[pl.DataFrame], Ends]:
    def ends(trades: pl.DataFrame) -> Ends:
        bars = getattr(import_module("wickra"), f"{kind}Bars")(limit)
        pairs = zip(trades["price"], trades["quantity"], strict=True)
        return [
            row
            for row, (price, size) in enumerate(pairs)
            if bars.update(price, price, price, price, *([size] if sized else []))
        ]

    return ends


def _wickra_batch(kind: str, limit: float, *, sized: bool) -> Callable[[pl.DataFrame], Sized]:
    def bars(trades: pl.DataFrame) -> Sized:
        price, size = trades["price"].to_numpy(), trades["quantity"].to_numpy()
        columns = [price] * 4 + ([size] if sized else [])
        made: Sized = getattr(import_module("wickra"), f"{kind}Bars")(limit).batch(*columns)
        return made

    return bars


def _wickra_peer(rule: str, kind: str, limit: float, *, sized: bool = True) -> Peer:
    return Peer(
        library="wickra",
        rule=rule,
        ends=_wickra(kind, limit, sized=sized),
        bars=_wickra_batch(kind, limit, sized=sized),
    )


def _groups_end(groups: pl.Series) -> Ends:
    """Return the last rows of groups; the last group is open."""
    rows = pl.DataFrame({"group": groups}).with_row_index()
    last = rows.group_by("group", maintain_order=True).agg(pl.col("index").last())
    return [*map(int, last["index"][:-1])]


def _polars_trading(column: pl.Expr, limit: float) -> Callable[[pl.DataFrame], Ends]:
    def ends(trades: pl.DataFrame) -> Ends:
        grouped = import_module("polars_trading.bars")._bar_groups_expr  # noqa: SLF001
        groups = grouped(column, limit, allow_splits=False).list.first()
        return _groups_end(trades.select(groups.struct.field("bar_group__id")).to_series())

    return ends


def polars_trading_splits(trades: pl.DataFrame) -> list[int]:
    """Return the rows that polars-trading puts into two volume bars, as it does by default."""
    grouped = import_module("polars_trading.bars")._bar_groups_expr  # noqa: SLF001
    groups = trades.select(grouped(pl.col("quantity"), VOLUME).list.len()).to_series()
    return (groups > 1).arg_true().to_list()


_TURNOVER: Final = pl.col("price") * pl.col("quantity")
PEERS: Final[Mapping[str, Peer]] = {
    f"{peer.library} {peer.rule}": peer
    for peer in (
        Peer(library="mlfinpy", rule=f"tick-{TICKS}", ends=_mlfinpy("tick", TICKS)),
        Peer(library="mlfinpy", rule=f"volume-{VOLUME:g}", ends=_mlfinpy("volume", VOLUME)),
        Peer(library="mlfinpy", rule=f"dollar-{DOLLARS:.0f}", ends=_mlfinpy("dollar", DOLLARS)),
        Peer(library="mlfinpy", rule=f"cusum-{CUSUM}", ends=mlfinpy_cusum),
        Peer(library="finmlkit", rule=f"tick-{TICKS}", ends=_finmlkit("Tick", TICKS)),
        Peer(library="finmlkit", rule=f"volume-{VOLUME:g}", ends=_finmlkit("Volume", VOLUME)),
        Peer(library="finmlkit", rule=f"dollar-{DOLLARS:.0f}", ends=_finmlkit("Dollar", DOLLARS)),
        Peer(library="finmlkit", rule=f"cusum-{CUSUM}", ends=finmlkit_cusum),
        Peer(library="tickbar", rule=f"tick-{TICKS}", ends=_tickbar("tick", TICKS)),
        Peer(library="tickbar", rule=f"volume-{VOLUME:g}", ends=_tickbar("volume", VOLUME)),
        Peer(library="tickbar", rule=f"dollar-{DOLLARS:.0f}", ends=_tickbar("dollar", DOLLARS)),
        _wickra_peer(f"tick-{TICKS}", "Tick", TICKS),
        _wickra_peer(f"volume-{VOLUME:g}", "Volume", VOLUME),
        _wickra_peer(f"dollar-{DOLLARS:.0f}", "Dollar", DOLLARS),
        _wickra_peer(f"imbalance-tick-tickrule-{IMBALANCE}", "Imbalance", IMBALANCE, sized=False),
        _wickra_peer(f"runlength-tick-tickrule-{RUN_LENGTH}", "Run", RUN_LENGTH, sized=False),
        Peer(
            library="polars-trading",
            rule=f"volume-{VOLUME:g}",
            ends=_polars_trading(pl.col("quantity"), VOLUME),
        ),
        Peer(
            library="polars-trading",
            rule=f"dollar-{DOLLARS:.0f}",
            ends=_polars_trading(_TURNOVER, DOLLARS),
        ),
    )
}
"""The functions, by library and rule."""

DIFFERENT: Final = frozenset(
    {f"finmlkit dollar-{DOLLARS:.0f}", f"finmlkit cusum-{CUSUM}"}
    | {f"wickra runlength-tick-tickrule-{RUN_LENGTH}"}
)
"""Those whose bars end elsewhere, as docs/rules.md says."""

MODULES: Final = {peer.library: peer.library.replace("-", "_") for peer in PEERS.values()}
"""The module of each library."""
