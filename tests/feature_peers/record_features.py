"""Record statistics, footprints and labels as other libraries compute them; see README.md."""

import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from support.peer_records import Calls

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RECORDED = HERE / "recorded.json"
RUN, RUNS = 100, 50
"""Records of a run, and runs of the sample. A bar of `TickRule(RUN)` is a run."""
TICK = 1.0
IMBALANCE = 3.0
BUCKET, BUCKETS = 0.5, 5
TAKE_PROFIT, STOP_LOSS, SECONDS = 20, 30, 20
"""Barriers in decimal basis points, and a horizon."""
Column = list[Any]


def sample() -> pl.DataFrame:
    """Return the trades whose statistics are recorded."""
    return pl.read_parquet(ROOT / "examples" / "btcusdt-trades.parquet").head(RUN * RUNS)


def apart() -> pl.DataFrame:
    """Return the first record of each time: mlfinpy finds prices by their time."""
    return sample().unique("timestamp", keep="first", maintain_order=True)


def made_up(prices: Sequence[float], quantity: Sequence[float] | float = 1.0) -> pl.DataFrame:
    """Return trades of these prices, a second apart, that are all bought."""
    seconds = pl.int_range(len(prices), eager=True)
    sizes = [quantity] * len(prices) if isinstance(quantity, float) else quantity
    return pl.DataFrame(
        {
            "timestamp": (seconds * 1_000_000).cast(pl.Datetime("us", "UTC")),
            "price": pl.Series(prices, dtype=pl.Float64),
            "quantity": pl.Series(sizes, dtype=pl.Float64),
            "is_buyer_maker": pl.repeat(value=False, n=len(prices), eager=True),
        }
    )


FLAT = made_up([100.0, 100.0, 100.0, 100.0, 100.0])
AT_THE_BARRIER = made_up([1.0, 1.5, 0.75, 0.75])
BEYOND_TWICE = made_up([1.0, 1.55, 1.55])
TRENDING = made_up([100.0 + row**2 for row in range(40)])
BETWEEN_LEVELS = made_up([100.4, 100.6, 101.5, 102.5])
EQUAL_LEVELS = made_up([100.0, 101.0, 102.0, 103.0])
AT_THE_MULTIPLE = made_up([100.0, 101.0], [1.0, IMBALANCE]).with_columns(
    is_buyer_maker=pl.Series([True, False])
)
LARGE_AND_SMALL = made_up([100.0] * 1_001, [2.0**24, *[1.0] * 1_000])


def runs(trades: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the trades of each run."""
    return [trades.slice(start, RUN) for start in range(0, trades.height, RUN)]


def arrays(trades: pl.DataFrame) -> tuple[Any, Any, Any]:
    """Return prices, quantities and sides: 1 where the aggressor bought, else -1."""
    sides = pl.when("is_buyer_maker").then(-1).otherwise(1).cast(pl.Int8)
    price, quantity = trades["price"].to_numpy(), trades["quantity"].to_numpy()
    return price, quantity, trades.select(sides).to_series().to_numpy()


def on_levels(trades: pl.DataFrame) -> pl.DataFrame:
    """Return trades at the prices of the levels that ours are in."""
    return trades.with_columns((pl.col("price") / TICK).floor() * TICK)


def plain(values: Any) -> Column:  # noqa: ANN401 - an array of a library
    """Return numbers of JSON; what is not a number is null."""
    found = [value.item() if hasattr(value, "item") else value for value in values]
    return [None if isinstance(each, float) and math.isnan(each) else each for each in found]


# wickra: one figure for a window of trades


def _wickra(kind: str, *arguments: float, middles: bool = False) -> Column:
    """Return the last figure of each run, of an indicator of trades."""
    made, found = getattr(import_module("wickra"), kind), []
    for trades in runs(sample()):
        price, quantity, sides = (each.tolist() for each in arrays(trades))
        given = [price, quantity, [side > 0 for side in sides], *([price] if middles else [])]
        found.append(made(*arguments).batch(*given)[-1])
    return plain(found)


def _wickra_series(kind: str, column: str, *arguments: float, beside: bool = False) -> Column:
    """Return the last figure of each run, of an indicator of one column."""
    made, found = getattr(import_module("wickra"), kind), []
    for trades in runs(sample()):
        values = trades[column].to_numpy()
        found.append(made(*arguments).batch(values, *([values * 0] if beside else []))[-1])
    return plain(found)


def _wickra_vpin() -> Column:
    """Return the figure before each run."""
    price, quantity, sides = (each.tolist() for each in arrays(sample()))
    made = import_module("wickra").Vpin(BUCKET, BUCKETS)
    found = plain(made.batch(price, quantity, [side > 0 for side in sides]))
    return [None, *found[RUN - 1 : -1 : RUN]]


def _wickra_footprint(trades: pl.DataFrame) -> Column:
    """Return the levels of a run: price, sold, bought."""
    price, quantity, sides = (each.tolist() for each in arrays(trades))
    made = import_module("wickra").Footprint(TICK)
    return [[*level] for level in made.batch(price, quantity, [side > 0 for side in sides])[-1]]


# finmlkit: figures of bars whose last rows are given


def _ends(trades: pl.DataFrame) -> Any:  # noqa: ANN401 - an array
    """Return the last rows of runs; before them the row before the first."""
    numpy = import_module("numpy")
    return numpy.array([*range(-1, trades.height - 1, RUN), trades.height - 1], numpy.int64)


def _finmlkit_flow() -> dict[str, Column]:
    price, quantity, sides = arrays(sample())
    made = import_module("finmlkit.bar.base").comp_bar_directional_features
    names = ("ticks_buy", "ticks_sell", "volume_buy", "volume_sell", "dollars_buy", "dollars_sell")
    found = made(price, quantity, _ends(sample()), sides)
    extremes = {"cum_volumes_min": plain(found[10]), "cum_volumes_max": plain(found[11])}
    return {name: plain(found[at]) for at, name in enumerate(names)} | extremes


def _finmlkit_bars() -> dict[str, Column]:
    price, quantity, _ = arrays(sample())
    made = import_module("finmlkit.bar.base").comp_bar_ohlcv
    names = ("open", "high", "low", "close", "volume", "vwap", "trades")
    found = made(price, quantity, _ends(sample()))
    return {name: plain(found[at]) for at, name in enumerate(names)}


def _finmlkit_tick_rule() -> dict[str, Column]:
    """Return the volumes of rises and falls of each run, and the numbers of its sides."""
    side_of = import_module("finmlkit.bar.utils").comp_trade_side_vector
    rises, falls = [], []
    for trades in runs(sample()):
        price, quantity, _ = arrays(trades)
        sides = side_of(price)
        rises.append(quantity[sides > 0].sum())
        falls.append(quantity[sides < 0].sum())
    return {"rises": plain(rises), "falls": plain(falls)}


def _finmlkit_volatility() -> Column:
    made, found = import_module("finmlkit.feature.core.volatility").realized_vol, []
    for trades in runs(sample()):
        moves = trades["price"].pct_change().drop_nulls().to_numpy()
        found.append(made(moves, len(moves), is_sample=False)[-1])
    return plain(found)


def _finmlkit_variance_ratio(trades: pl.DataFrame) -> Column:
    made = import_module("finmlkit.feature.core.volatility").variance_ratio_1_4_core
    return [plain(made(trades["price"].to_numpy(), trades.height - 4, 1, "simple"))[-1]]


def _finmlkit_vpin() -> Column:
    """Return the figure over full buckets of an equal volume, one after another."""
    units = sample().with_columns((pl.col("quantity") * 1e8).round().cast(pl.Int64))
    size, bought, sold, room = round(BUCKET * 1e8), [0], [0], round(BUCKET * 1e8)
    for quantity, sells in units.select("quantity", "is_buyer_maker").iter_rows():
        left = quantity
        while left:
            part = min(left, room)
            (sold if sells else bought)[-1] += part
            left, room = left - part, room - part
            if not room:
                bought.append(0)
                sold.append(0)
                room = size
    made, numpy = import_module("finmlkit.feature.core.volume").vpin, import_module("numpy")
    return plain(made(*(numpy.array(each[:-1]) / 1e8 for each in (bought, sold)), BUCKETS))


def _finmlkit_footprint(trades: pl.DataFrame) -> dict[str, Column]:
    """Return the levels with trades of each run, the imbalances and the shape of the profile."""
    price, quantity, sides = arrays(trades)
    given = runs(trades)
    lows, highs = (pl.Series([getattr(run["price"], at)() for run in given]).to_numpy()
                   for at in ("min", "max"))  # fmt: skip
    made = import_module("finmlkit.bar.base").comp_bar_footprints(
        price, quantity, _ends(trades), sides, TICK, lows, highs, IMBALANCE
    )
    names = ("level", "bought", "sold", "buys", "sells", "buy_imbalance", "sell_imbalance")
    found: dict[str, Column] = {name: [] for name in names}
    for run in range(len(given)):
        traded = made[3][run] + made[4][run] > 0
        for name, lists in zip(names, made, strict=False):
            found[name].append(plain(lists[run][traded]))
    wholes = {"buy_imbalances": 7, "sell_imbalances": 8, "poc": 9, "skew": 11, "gini": 12}
    return found | {name: plain(made[at]) for name, at in wholes.items()}


def _finmlkit_value_areas() -> Column:
    """Return the point of control, the highest and the lowest price, of the levels with trades."""
    made = import_module("finmlkit.feature.core.volume").comp_poc_hva_lva
    found = []
    for trades in runs(on_levels(sample())):
        levels = trades.group_by("price").agg(pl.col("quantity").sum()).sort("price")
        found.append(plain(made(levels["price"].to_numpy(), levels["quantity"].to_numpy(), 70.0)))
    return found


def _finmlkit_events() -> Column:
    """Return the events of a filter whose threshold is that of ten decimal basis points."""
    made, numpy = import_module("finmlkit.sampling.filters"), import_module("numpy")
    found = made.cusum_filter(sample()["price"].to_numpy(), numpy.array([math.log1p(10 / 100_000)]))
    return plain(found)


def _finmlkit_labels(
    trades: pl.DataFrame,
    rows: Sequence[int],
    seconds: float = SECONDS,
    barriers: tuple[float, float] = (STOP_LOSS / 100_000, TAKE_PROFIT / 100_000),
) -> dict[str, Column]:
    made, numpy = import_module("finmlkit.label.tbm").triple_barrier, import_module("numpy")
    lower, upper = -math.log1p(-barriers[0]), math.log1p(barriers[1])
    times = trades["timestamp"].dt.epoch("ns").to_numpy()
    found = made(
        times, trades["price"].to_numpy(), numpy.array(rows), numpy.ones(len(rows)),
        (lower, upper), float(seconds), 0.0, None, 0.0,
    )  # fmt: skip
    return {name: plain(found[at]) for at, name in enumerate(("label", "row", "log_return"))}


# mlfinpy: Pandas series with times


def _mlfinpy_volatility() -> Column:
    made = import_module("mlfinpy.util.volatility").get_garman_class_vol
    bars = [
        [run["price"][0], run["price"].max(), run["price"].min(), run["price"][-1]]
        for run in runs(sample())
    ]
    series = (import_module("pandas").Series(each) for each in zip(*bars, strict=True))
    return plain(made(*series, window=1))


def _mlfinpy_bought() -> Column:
    """Return the bought volume of bars, by the tick rule."""
    frame = import_module("pandas").DataFrame(
        {
            "date_time": sample()["timestamp"].to_numpy(),
            "price": sample()["price"].to_numpy(),
            "volume": sample()["quantity"].to_numpy(),
        }
    )
    made = import_module("mlfinpy.data_structure.standard_bars").get_tick_bars
    return plain(made(frame, threshold=RUN, verbose=False)["cum_buy_volume"])


def _mlfinpy_returns() -> Column:
    """Return what the price of each close became at the next one."""
    closes = import_module("pandas").Series([run["price"][-1] for run in runs(sample())])
    return plain(import_module("mlfinpy.labeling.raw_return").raw_return(closes, lag=True))


def _mlfinpy_labels(
    trades: pl.DataFrame,
    rows: Sequence[int],
    multiples: tuple[float, float] = (TAKE_PROFIT, STOP_LOSS),
    target: float = 1e-5,
    *,
    sided: bool = True,
    seconds: int | None = None,
) -> dict[str, Column]:
    """Return the row of the event, its label and return, and the row that ended it."""
    pandas, made = import_module("pandas"), import_module("mlfinpy.labeling.labeling")
    index = pandas.DatetimeIndex(trades["timestamp"].dt.replace_time_zone(None).to_numpy())
    close = pandas.Series(trades["price"].to_numpy(), index=index)
    events = index[[*rows]]
    ends = (
        False if seconds is None else made.add_vertical_barrier(events, close, num_seconds=seconds)
    )
    found = made.get_events(
        close, events, [*multiples], pandas.Series(target, index=events), 0.0, 1, ends,
        side_prediction=pandas.Series(1.0, index=events) if sided else None, verbose=False,
    )  # fmt: skip
    # Without a touch of the only event it returns a row of nothing.
    labelled = made.get_bins(found, close).dropna()
    ended = found.loc[labelled.index, "t1"]
    return {
        "event": plain(index.get_indexer(labelled.index)),
        "label": plain(labelled["bin"].astype(int)),
        "return": plain(labelled["ret"]),
        "row": plain(index.get_indexer(ended)),
    }


def closing_rows(trades: pl.DataFrame, every: int = RUN) -> list[int]:
    """Return every so many rows, but for the last one of all."""
    return [*range(every - 1, trades.height - 1, every)]


def calls() -> "Calls":
    """Return what is recorded: the library, and the call."""
    trades, times_apart = sample(), apart()
    labels = partial(_mlfinpy_labels, times_apart, closing_rows(times_apart, RUN // 2))
    found: dict[str, dict[str, Callable[[], object]]] = {
        "wickra": {
            "AmihudIlliquidity": lambda: _wickra("AmihudIlliquidity", RUN - 1),
            "CumulativeVolumeDelta": lambda: _wickra("CumulativeVolumeDelta"),
            "Footprint": lambda: [_wickra_footprint(run) for run in runs(on_levels(trades))],
            "Footprint, between levels": lambda: _wickra_footprint(BETWEEN_LEVELS),
            "KylesLambda": lambda: _wickra("KylesLambda", RUN - 1, middles=True),
            "Kurtosis": lambda: _wickra_series("Kurtosis", "quantity", RUN),
            "MaxDrawdown": lambda: _wickra_series("MaxDrawdown", "price", RUN),
            "RealizedVolatility": lambda: _wickra_series("RealizedVolatility", "price", RUN - 1),
            "RollMeasure": lambda: _wickra("RollMeasure", RUN - 1),
            "Skewness": lambda: _wickra_series("Skewness", "quantity", RUN),
            "TradeImbalance": lambda: _wickra("TradeImbalance", RUN),
            "VarianceRatio": lambda: _wickra_series("VarianceRatio", "price", RUN, 10, beside=True),
            "Vpin": _wickra_vpin,
        },
        "finmlkit": {
            "comp_bar_directional_features": _finmlkit_flow,
            "comp_bar_footprints": lambda: _finmlkit_footprint(on_levels(trades)),
            "comp_bar_footprints, at the multiple": lambda: _finmlkit_footprint(AT_THE_MULTIPLE),
            "comp_bar_footprints, between levels": lambda: _finmlkit_footprint(BETWEEN_LEVELS),
            "comp_bar_footprints, equal levels": lambda: _finmlkit_footprint(EQUAL_LEVELS),
            "comp_bar_footprints, large and small": lambda: _finmlkit_footprint(
                LARGE_AND_SMALL.head(RUN)
            ),
            "comp_bar_ohlcv": _finmlkit_bars,
            "comp_poc_hva_lva": _finmlkit_value_areas,
            "comp_trade_side_vector": _finmlkit_tick_rule,
            "cusum_filter": _finmlkit_events,
            "realized_vol": _finmlkit_volatility,
            "triple_barrier": lambda: _finmlkit_labels(trades, closing_rows(trades)),
            "triple_barrier, flat": lambda: _finmlkit_labels(FLAT, [0], 2),
            "variance_ratio_1_4_core, trending": lambda: _finmlkit_variance_ratio(TRENDING),
            "vpin": _finmlkit_vpin,
        },
        "mlfinpy": {
            "get_bins": labels,
            "get_bins, a horizon": partial(labels, seconds=SECONDS),
            "get_bins, no side": partial(labels, sided=False),
            "get_bins, at the barrier": lambda: _mlfinpy_labels(
                AT_THE_BARRIER, [0], (1.0, 1.0), 0.5
            ),
            "get_bins, twice the target": lambda: _mlfinpy_labels(
                BEYOND_TWICE, [0], (2.0, 2.0), 0.25
            ),
            "get_garman_class_vol": _mlfinpy_volatility,
            "get_tick_bars": _mlfinpy_bought,
            "raw_return": _mlfinpy_returns,
        },
    }
    return {
        f"{library} {name}": (library, call)
        for library, named in found.items()
        for name, call in named.items()
    }


def main() -> None:
    """Record the calls of the libraries that are installed."""
    sys.path.insert(0, str(ROOT / "tests"))
    import_module("support.peer_records").record(RECORDED, calls(), under="results")


if __name__ == "__main__":
    main()
