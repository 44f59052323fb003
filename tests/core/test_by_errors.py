"""Keys that are refused, and bad rows that are reported with their key."""

import re
from collections.abc import Callable
from functools import partial

import polars as pl
import pytest
from support.assertions import SORT, says
from support.entry_points import assert_same
from support.oracle_chains import CHAIN_ENTRY_POINTS, Question
from support.shared_data import SHARED, needs_shared_data
from support.trades import trades, walk

import rangebar_polars as rb

ABOVE_0 = "expected a finite number above 0 (drop or repair such rows first)"
SYMBOLS = pl.Series("symbol", ["A", "B", "A", "B", "A", "B"])


def bad_rows() -> dict[str, tuple[pl.DataFrame, str | list[str], str]]:
    """Return trades, the keys, and the message about them."""
    good = trades([100.0] * 6, ids=[1] * 6).with_columns(SYMBOLS)
    bad_price = good.with_columns(price=pl.Series([1.0, 1.0, 1.0, -1.0, -2.0, 1.0]))
    times = pl.Series([0, 0, 5, 9, 4, 10]).cast(pl.Datetime("ms"))
    null = pl.when(pl.col("symbol") == "A").then("symbol")
    return {
        "a price, the lowest row of all keys": (
            bad_price,
            "symbol",
            f'symbol "B": price is -1 at row 1: {ABOVE_0}',
        ),
        "time going back within a key": (
            good.with_columns(timestamp=times),
            "symbol",
            (
                'symbol "A": trades are not sorted by time at row 2: 1970-01-01 00:00:00.004 after '
                f"1970-01-01 00:00:00.005 {SORT}"
            ),
        ),
        "several keys": (
            bad_price.with_columns(day=pl.date(2024, 8, 8), n=7),
            ["day", "symbol", "n"],
            f'day 2024-08-08, symbol "B", n 7: price is -1 at row 1: {ABOVE_0}',
        ),
        "a null key": (
            bad_price.with_columns(null),
            "symbol",
            f"symbol null: price is -1 at row 1: {ABOVE_0}",
        ),
        "a category": (
            bad_price.cast({"symbol": pl.Categorical}),
            "symbol",
            f'symbol "B": price is -1 at row 1: {ABOVE_0}',
        ),
        "two faults of one key": (
            bad_price.with_columns(quantity=pl.Series([1.0, 1.0, None, 1.0, 1.0, 1.0])),
            "symbol",
            (
                'symbol "A": quantity is null at row 1 (every trade needs one: drop or fill such '
                "rows first)"
            ),
        ),
    }


@pytest.mark.parametrize("entry_point", CHAIN_ENTRY_POINTS)
@pytest.mark.parametrize("name", bad_rows())
def test_a_bad_row_is_reported_with_its_key_and_the_row_within_the_key(
    name: str, entry_point: str
) -> None:
    frame, by, expected = bad_rows()[name]

    with pytest.raises(pl.exceptions.ComputeError) as raised:
        CHAIN_ENTRY_POINTS[entry_point](frame, by=by)

    assert str(raised.value).endswith(expected)
    assert entry_point.startswith("lazy") or str(raised.value) == expected


def test_the_lowest_row_wins_far_into_the_trades() -> None:
    bad = pl.when(pl.int_range(pl.len()).is_in([140_001, 140_002])).then(-1.0).otherwise("price")
    frame = walk(150_000).with_columns(price=bad, key=-pl.int_range(150_000) % 3)

    with says(
        pl.exceptions.ComputeError, f"key {-140_001 % 3}: price is -1 at row 46667: {ABOVE_0}"
    ):
        rb.bars(frame, by="key")


@pytest.mark.parametrize("dtype", [pl.Float64(), pl.Float32(), pl.List(pl.Float64)], ids=str)
def test_keys_of_floats_are_refused(dtype: pl.DataType) -> None:
    frame = trades([100, 101]).with_columns(key=pl.lit(None, dtype))
    shown = {"Float64": "f64", "Float32": "f32"}.get(str(dtype), "list[f64]")
    expected = (
        f'column "key" is {shown}: expected keys that are not floats (cast it: '
        'pl.col("key").cast(pl.String))'
    )

    with says(pl.exceptions.ComputeError, expected):
        rb.bars(frame, by="key")
    with says(pl.exceptions.ComputeError, f"schema callable failed: ComputeError: {expected}"):
        rb.bars(frame.lazy(), by="key").collect_schema()


def test_a_key_that_is_not_there_is_refused() -> None:
    expected = 'no column "symbol" among the trades: they have [timestamp, price, quantity]'

    with says(pl.exceptions.ComputeError, expected):
        rb.bars(trades([100, 101]), by="symbol")
    with says(pl.exceptions.ComputeError, f"schema callable failed: ComputeError: {expected}"):
        rb.bars(trades([100, 101]).lazy(), by="symbol").collect_schema()


FRAME = trades([100, 101]).with_columns(SYMBOLS.head(2))
CALLS: dict[str, Callable[..., object]] = {
    "a frame": partial(rb.bars, FRAME),
    "a plan": partial(rb.bars, FRAME.lazy()),
    "the namespace": FRAME.rangebar.bars,  # type: ignore[attr-defined]
}
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@calls
def test_a_set_of_keys_is_refused(call: Callable[..., object]) -> None:
    with says(TypeError, "by is {'key'}: expected a sequence, since a set has no order (['key'])"):
        call(by={"key"})


@calls
@pytest.mark.parametrize("none", [[], ()], ids=repr)
def test_no_key_is_refused(call: Callable[..., object], none: object) -> None:
    with says(ValueError, "by is empty: expected the name of a column, several, or None"):
        call(by=none)


@calls
def test_a_name_with_a_zero_is_refused(call: Callable[..., object]) -> None:
    with says(ValueError, "by is 'a\\x00': expected names without a zero (rename the column)"):
        call(by="a\0")


@calls
@pytest.mark.parametrize(
    "bad",
    [[3], ["symbol", None], [pl.col("symbol")]],
    ids=["a number", "a name and None", "an expression"],
)
def test_a_key_that_is_no_name_is_refused(call: Callable[..., object], bad: object) -> None:
    with says(TypeError, f"by is {bad!r}: expected the name of a column, or several"):
        call(by=bad)


@calls
@pytest.mark.parametrize("name", ["open", "threshold_decimal_bps", "is_complete", "ofi", "vwap"])
def test_a_key_of_the_name_of_a_column_of_bars_is_refused(
    call: Callable[..., object], name: str
) -> None:
    expected = f"column {name!r} would appear twice among the columns of bars"

    with says(ValueError, f'{expected} (rename it: .rename({{"{name}": "..."}}))'):
        call(by=["symbol", name])


@calls
def test_a_key_twice_is_refused(call: Callable[..., object]) -> None:
    with says(ValueError, "by holds 'symbol' twice: expected each once"):
        call(by=["symbol", "symbol"])


@needs_shared_data
@pytest.mark.parametrize(
    ("btc", "eth"),
    [
        ("hftb_binance_spot_btcusdt_20240808_09", "hftb_binance_spot_ethusdt_20240808_09"),
        ("hftb_binance_um_btcusdt_20240808", "hftb_binance_um_ethusdt_20240808"),
        ("hftb_binance_cm_btcusd_perp_20240808_09", "hftb_binance_cm_ethusd_perp_20240808_09"),
    ],
)
@pytest.mark.parametrize("entry_point", ["eager", "lazy", "lazy, streaming"])
def test_real_trades_of_two_symbols_interleaved_give_the_bars_of_each(
    btc: str, eth: str, entry_point: str
) -> None:
    of_each = {name: pl.read_parquet(SHARED / "trades" / f"{name}.parquet") for name in (btc, eth)}
    common = [name for name in of_each[btc].columns if name in of_each[eth].columns]
    together = pl.concat(
        [
            frame.select(common).with_columns(pl.lit(name).alias("symbol"))
            for name, frame in of_each.items()
        ]
    ).sort("timestamp", maintain_order=True)
    question = Question(thresholds=(5, 10, 25), threshold_column=True, by=("symbol",), reset="day")

    bars = question.ask(together, entry_point)

    assert bars.filter("is_complete")["close_time"].is_sorted()
    for name, frame in of_each.items():
        expected = rb.bars(frame, **question.options | {"by": None})
        assert expected["is_complete"].sum() > 10
        assert_same(expected, bars.filter(symbol=name).drop("symbol"))


@pytest.mark.parametrize("plan", [False, True])
def test_keys_that_are_python_objects_are_refused(plan: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    frame = walk(5).with_columns(venue=pl.Series([object()] * 5, dtype=pl.Object))
    text = (
        'column "venue" is object: expected keys that are no Python objects (cast it: '
        'pl.col("venue").map_elements(str, return_dtype=pl.String))'
    )

    with pytest.raises(pl.exceptions.ComputeError, match=re.escape(text)):
        (rb.bars(frame.lazy(), by="venue") if plan else rb.bars(frame, by="venue")).lazy().collect()
