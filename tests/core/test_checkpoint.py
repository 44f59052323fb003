"""A checkpoint continues a processor as if nothing had come between."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import SORT, TWICE, says
from support.checkpoint_cases import restore, states
from support.checkpoint_states import MICRO, STATES, State
from support.entry_points import assert_expected, assert_same
from support.oracle_chains import Question, across_periods, few
from support.processors import hushed, options, without_open
from support.subprocesses import run
from support.trades import trades, walk

import rangebar_polars as rb

GOLDEN = Path(__file__).parents[1] / "golden"


@few
@given(across_periods(most=25), options())
def test_a_checkpoint_between_any_two_trades_changes_nothing(
    frame: pl.DataFrame, asked: dict[str, Any]
) -> None:
    expected = without_open(frame, **asked)

    for cut in range(frame.height + 1):
        first = rb.RangeBarProcessor(**asked)
        before = first.process_trades(frame[:cut])
        second = restore(first.create_checkpoint())
        after = hushed(lambda second=second, cut=cut: second.process_trades(frame[cut:]))  # type: ignore[misc]
        assert_same(expected, pl.concat([before, after]))


@few
@given(across_periods(most=25), options())
def test_a_checkpoint_after_every_trade_changes_nothing(
    frame: pl.DataFrame, asked: dict[str, Any]
) -> None:
    bars, saved = [], rb.RangeBarProcessor(**asked).create_checkpoint()

    for row in range(frame.height):
        processor = restore(saved)
        bars.append(hushed(lambda p=processor, row=row: p.process_trades(frame[row])))  # type: ignore[misc]
        saved = processor.create_checkpoint()

    none = rb.bars(frame.clear(), **asked)
    assert_same(without_open(frame, **asked), pl.concat([none, *bars]))


@few
@given(across_periods(most=25), options(), st.data())
def test_what_is_restored_is_what_was_saved(
    frame: pl.DataFrame, asked: dict[str, Any], data: st.DataObject
) -> None:
    processor = rb.RangeBarProcessor(**asked, symbol=data.draw(st.none() | st.text(max_size=32)))
    processor.process_trades(frame)
    saved = processor.create_checkpoint()

    restored = restore(saved)

    assert saved == restored.create_checkpoint()
    assert restored.symbol == processor.symbol
    assert restored.threshold_decimal_bps == processor.threshold_decimal_bps
    assert_same(processor.position, restored.position)
    bars = [one.get_incomplete_bar() for one in (processor, restored)]
    assert (bars[0] is None) == (bars[1] is None)
    if bars[0] is not None and bars[1] is not None:
        assert_same(bars[0], bars[1])


CHILD = """
import polars as pl
import rangebar_polars as rb
from pathlib import Path

folder = Path(FOLDER)
processor = rb.RangeBarProcessor.from_checkpoint((folder / "checkpoint").read_bytes())
processor.process_trades(pl.read_ipc(folder / "trades.arrow")).write_ipc(folder / "bars.arrow")
processor.get_incomplete_bar().write_ipc(folder / "open.arrow")
"""


@pytest.mark.parametrize("zone", [None, "Asia/Kathmandu"])
def test_another_process_continues_where_this_one_stopped(zone: str | None, tmp_path: Path) -> None:
    frame = walk(400).cast({"timestamp": pl.Datetime("ms", zone)})
    first = rb.RangeBarProcessor(60, "BTCUSDT", include_microstructure=True)
    before = first.process_trades(frame.head(197))
    (tmp_path / "checkpoint").write_bytes(first.create_checkpoint())
    frame.tail(203).write_ipc(tmp_path / "trades.arrow")

    run(CHILD.replace("FOLDER", repr(str(tmp_path))))

    whole = rb.bars(frame, 60, **MICRO)
    after = pl.read_ipc(tmp_path / "bars.arrow")
    assert_same(rb.bars(frame, 60, include_microstructure=True), pl.concat([before, after]))
    left = whole.tail(1).drop("is_complete")
    assert_same(left, pl.read_ipc(tmp_path / "open.arrow"))


SEAMS = {
    "time going back": (
        trades([100] * 2, [5, 4]),
        (
            "trades are not sorted by time at row 1: 1970-01-01 00:00:00.004 after 1970-01-01 "
            f"00:00:00.005 {SORT}"
        ),
    ),
    "an id that repeats": (
        trades([100] * 2, [5, 5], ids=[7, 7]),
        (
            "agg_trade_id does not rise at row 1: 7 after 7, both at 1970-01-01 00:00:00.005 "
            f"{TWICE}"
        ),
    ),
}


@pytest.mark.parametrize("name", SEAMS)
def test_the_first_row_after_a_checkpoint_is_checked_like_any_other_row(name: str) -> None:
    frame, expected = SEAMS[name]
    processor = rb.RangeBarProcessor(250)
    processor.process_trades(frame.head(1))

    with says(rb.RangeBarError, expected):
        restore(processor.create_checkpoint()).process_trades(frame.tail(1))


def test_a_gap_after_a_checkpoint_is_reported() -> None:
    processor = rb.RangeBarProcessor(250)
    processor.process_trades(trades([100], ids=[1]))
    restored = restore(processor.create_checkpoint())

    with pytest.warns(rb.RangeBarWarning, match="^3 records are missing between agg_trade_id 1 "):
        restored.process_trades(trades([100], ids=[5]))

    assert restored.gaps["missing"].to_list() == [3]


def test_batches_after_a_checkpoint_must_have_the_same_columns_as_before() -> None:
    processor = rb.RangeBarProcessor(250)
    processor.process_trades(trades([100]))

    with says(
        rb.RangeBarError,
        "this batch of trades differs from the first: [timestamp, price, quantity] with times in "
        "us and no zone, the first [timestamp, price, quantity] with times in ms and no zone (give "
        "all batches the same columns, time unit and zone)",
    ):
        restore(processor.create_checkpoint()).process_trades(trades([100], [1], unit="us"))


# Golden files.


def test_every_state_has_a_golden_file() -> None:
    assert sorted(STATES) == sorted(path.stem for path in GOLDEN.glob("*.checkpoint"))


@pytest.mark.parametrize("name", STATES)
def test_the_same_state_gives_the_bytes_of_the_golden_file(name: str) -> None:
    golden = (GOLDEN / f"{name}.checkpoint").read_bytes()

    assert golden == STATES[name].processor().create_checkpoint()


@pytest.mark.parametrize("name", STATES)
def test_continuing_from_a_golden_file_gives_the_bars_of_one_pass(name: str) -> None:
    state = STATES[name]
    first = rb.RangeBarProcessor(**state.options)
    before = [] if state.before is None else [first.process_trades(state.before)]

    restored = restore((GOLDEN / f"{name}.checkpoint").read_bytes())
    after = restored.process_trades(state.after)

    asked = dict.fromkeys(["include_incomplete"], False) | dict(state.options)
    asked.pop("symbol", None)
    assert_same(without_open(state.whole(), **asked), pl.concat([*before, after]))
    assert restored.symbol == state.options.get("symbol")


@pytest.mark.parametrize("name", STATES)
def test_one_pass_over_the_trades_of_a_golden_file_gives_the_bars_of_the_oracle(name: str) -> None:
    state = STATES[name]
    asked = {
        key: x
        for key, x in state.options.items()
        if key not in {"symbol", "features", "footprint", "lookback", "vpin", *MICRO}
    }
    question = Question(thresholds=(asked.pop("threshold_decimal_bps"),), **asked)

    assert_expected(question.expected(state.whole()), question.ask(state.whole()))


@states
def test_a_checkpoint_is_smaller_than_a_kilobyte(state: State) -> None:
    assert len(state.processor().create_checkpoint()) < 1_000
