"""Checkpoints of several chains: what they hold, and which bytes are refused."""

import json
import pickle
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.checkpoint_cases import SAVED, restore
from support.entry_points import assert_same
from support.saved_chains import BYTES, FRAME, ONE, keyed, processor
from support.subprocesses import run

import rangebar_polars as rb

AGAIN = "(go back to an older one, or read the trades again)"
GOLDEN = Path(__file__).parents[1] / "golden" / "several.chains"

KEYS: Mapping[str, pl.Series] = {
    "String": pl.Series(["A", "Ωmega"]),
    "null": pl.Series(["A", None]),
    "Null": pl.Series([None, None]),
    "Boolean": pl.Series([True, False]),
    **{
        f"{sign}Int{bits}": pl.Series(
            [2 ** (bits - 1) - 1, 0], dtype=getattr(pl, f"{sign}Int{bits}")
        )
        for sign in ("", "U")
        for bits in (8, 16, 32, 64)
    },
    "the largest UInt64": pl.Series([0, 2**64 - 1], dtype=pl.UInt64),
    "Int128": pl.Series([-(2**127), 2**127 - 1], dtype=pl.Int128),
    "Binary": pl.Series([b"", b"\0\xff"]),
    "Date": pl.Series([date(2024, 1, 1), date(1, 1, 1)]),
    "Time": pl.Series([time(0), time(23, 59, 59, 999_999)]),
    "Datetime": pl.Series([datetime(2024, 1, 1), None]),  # noqa: DTZ001 - naive
    "Datetime with a zone": pl.Series(
        [datetime(2024, 1, 1, tzinfo=UTC), None]
    ).dt.convert_time_zone("Asia/Kathmandu"),
    "Duration": pl.Series([timedelta(1), timedelta(-1)], dtype=pl.Duration("ns")),
    "Decimal": pl.Series([Decimal("1.50"), Decimal("-99999999.25")], dtype=pl.Decimal(10, 2)),
    "Categorical": pl.Series(["A", "B"], dtype=pl.Categorical),
    "Enum": pl.Series(["B", "A"], dtype=pl.Enum(["A", "", "B"])),
}


@pytest.mark.parametrize("name", KEYS)
def test_keys_of_this_dtype_come_back(name: str) -> None:
    frame = keyed(KEYS[name])
    one = processor(frame.head(30))
    saved = one.create_checkpoint()

    restored = restore(saved)

    assert restored.create_checkpoint() == saved
    assert_same(one.position, restored.position)
    assert one.open_bar() == restored.open_bar()
    assert_same(one.process_trades(frame[30:]), restored.process_trades(frame[30:]))


CAST = 'pl.col("key").cast(pl.String)'
ENCODE = 'pl.struct("key").struct.json_encode().alias("key")'
NOT_SAVED: Mapping[str, tuple[pl.Series, str]] = {
    "list[str]": (pl.Series([["A"], ["B"]]), ENCODE),
    "array[i64, 2]": (pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int64, 2)), ENCODE),
    "struct[1]": (pl.Series([{"a": 1}, {"a": 2}]), ENCODE),
    "u128": (pl.Series([1, 2], dtype=pl.UInt128), CAST),
    "cat": (pl.Series(["A", "B"], dtype=pl.Categorical(pl.Categories("own"))), CAST),
}


@pytest.mark.parametrize("name", NOT_SAVED)
def test_keys_of_another_dtype_make_bars_and_no_checkpoint(name: str) -> None:
    keys, remedy = NOT_SAVED[name]
    one = processor(keyed(keys))

    assert one.get_incomplete_bar() is not None
    with says(
        rb.CheckpointError,
        f'column "key" is {name}, and a checkpoint holds no such keys: expected text, whole '
        "numbers, Boolean, Decimal, a category, or a time (make text of it before the first call: "
        f"{remedy})",
    ):
        one.create_checkpoint()


@pytest.mark.parametrize("name", NOT_SAVED)
def test_the_remedy_makes_keys_that_are_saved(name: str) -> None:
    keys, remedy = NOT_SAVED[name]
    frame = keyed(keys).with_columns(eval(remedy, {"pl": pl}))  # noqa: S307 - the package's own text
    one = processor(frame)

    assert one.position.height == 2
    assert restore(one.create_checkpoint()).create_checkpoint() == one.create_checkpoint()


def test_a_copy_a_pickle_and_a_text_continue_too() -> None:
    text = ONE.to_json()

    assert json.loads(text)["by"] == ["key"]
    assert json.loads(text)["rules"] == ["range-20", "range-60"]
    for again in (pickle.loads(pickle.dumps(ONE)), rb.RangeBarProcessor.from_json(text)):  # noqa: S301 - own
        assert again.create_checkpoint() == BYTES
        assert (again.symbol, again.by) == ("BTCUSDT", ["key"])


def test_before_any_trade_the_settings_are_saved() -> None:
    one = rb.RangeBarProcessor([20], by=["key", "venue"], include_microstructure=True)

    restored = restore(one.create_checkpoint())

    assert restored.create_checkpoint() == one.create_checkpoint()
    assert (restored.threshold_decimal_bps, restored.by) == ([20], ["key", "venue"])
    assert "vwap" in restored.process_trades(FRAME.with_columns(venue=1)).columns


OTHER: Mapping[str, tuple[dict[str, Any], str]] = {
    "symbol": ({"symbol": "ETHUSDT"}, "symbol 'BTCUSDT': expected 'ETHUSDT'"),
    "threshold": (
        {"threshold_decimal_bps": 20},
        "rule [range-20, range-60]: expected range-20",
    ),
    "thresholds": (
        {"threshold_decimal_bps": [60, 70]},
        "rule [range-20, range-60]: expected [range-60, range-70]",
    ),
    "by": ({"by": "symbol"}, "by ['key']: expected ['symbol']"),
    "more keys": ({"by": ["key", "symbol"]}, "by ['key']: expected ['key', 'symbol']"),
}


@pytest.mark.parametrize("name", OTHER)
def test_a_checkpoint_of_others_than_asked_for_is_refused(name: str) -> None:
    asked, differs = OTHER[name]
    expected = f"the checkpoint is of {differs}"

    with says(rb.CheckpointError, expected):
        restore(BYTES, **asked)
    with says(rb.CheckpointError, expected):
        rb.RangeBarProcessor.from_json(ONE.to_json(), **asked)
    own: dict[str, Any] = {"threshold_decimal_bps": [20, 60], "by": "key", "reset": "day"}
    with says(rb.CheckpointError, expected):
        rb.RangeBarProcessor(**own | asked).resume(BYTES)
    with says(rb.CheckpointError, expected):
        rb.bars_with_state(FRAME, state=BYTES, **own | asked)


def test_one_chain_and_several_do_not_continue_each_other() -> None:
    with says(rb.CheckpointError, "the checkpoint is of by ['key']: expected None"):
        rb.bars(FRAME, 20, reset="day", state=BYTES)
    with says(rb.CheckpointError, "the checkpoint is of rule range-100: expected [range-100]"):
        rb.RangeBarProcessor([100]).resume(SAVED)
    with says(rb.CheckpointError, "the checkpoint is of by None: expected ['key']"):
        restore(SAVED, by="key")
    with says(
        rb.CheckpointError,
        "the checkpoint is of rule [range-20, range-60]: expected [range-20-nogate, "
        "range-60-nogate]",
    ):
        rb.bars(
            FRAME, [20, 60], by="key", reset="day", prevent_same_timestamp_close=False, state=BYTES
        )
    with says(rb.CheckpointError, "the checkpoint is of reset day: expected none"):
        rb.bars(FRAME, [20, 60], by="key", state=BYTES)


def test_what_was_asked_for_is_restored() -> None:
    asked: dict[str, Any] = {"symbol": "BTCUSDT", "threshold_decimal_bps": [60, 20], "by": "key"}

    assert restore(BYTES, **asked).create_checkpoint() == BYTES


@pytest.mark.parametrize(
    "changed", [{"by": []}, {"by": None}, {"rules": ["range-20"]}, {"symbol": None}], ids=str
)
def test_text_that_contradicts_its_bytes_is_refused(changed: dict[str, Any]) -> None:
    text = json.dumps(json.loads(ONE.to_json()) | changed)

    with says(
        rb.CheckpointError, f"the checkpoint is damaged: its text contradicts its bytes {AGAIN}"
    ):
        rb.RangeBarProcessor.from_json(text)


def test_a_checkpoint_of_too_many_bytes_is_not_written() -> None:
    one = processor(keyed(["x" * 2**24, "B"], 2))

    with says(
        rb.CheckpointError,
        "the checkpoint of 4 chains has 16777873 bytes: expected at most 16777216 (use a processor "
        "for each part of the keys)",
    ):
        one.create_checkpoint()


CHILD = """
import polars as pl
import rangebar_polars as rb
from pathlib import Path

folder = Path(FOLDER)
processor = rb.RangeBarProcessor.from_checkpoint((folder / "checkpoint").read_bytes())
processor.process_trades(pl.read_ipc(folder / "trades.arrow")).write_ipc(folder / "bars.arrow")
"""


def test_another_process_continues_where_this_one_stopped(tmp_path: Path) -> None:
    frame = keyed(pl.Series(["Z", "A"], dtype=pl.Categorical), 400)
    first = rb.RangeBarProcessor([20, 60], by="key")
    before = first.process_trades(frame.head(197))
    (tmp_path / "checkpoint").write_bytes(first.create_checkpoint())
    frame.tail(203).write_ipc(tmp_path / "trades.arrow")

    run(CHILD.replace("FOLDER", repr(str(tmp_path))))

    after = pl.read_ipc(tmp_path / "bars.arrow")
    assert_same(rb.bars(frame, [20, 60], by="key"), pl.concat([before, after]))


def test_the_same_state_gives_the_bytes_of_the_golden_file() -> None:
    assert GOLDEN.read_bytes() == BYTES


def test_continuing_from_the_golden_file_gives_the_bars_of_one_pass() -> None:
    later = FRAME.with_columns(pl.col("timestamp") + pl.duration(minutes=1))

    again = restore(GOLDEN.read_bytes()).process_trades(later)

    assert_same(
        rb.bars(pl.concat([FRAME, later]), [20, 60], by="key", reset="day").tail(again.height),
        again,
    )
