"""A state saved and restored: nothing lost, nothing silently wrong."""

import base64
import json
import random
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import SORT, TWICE, says
from support.checkpoint_states import MICRO, STATES, State
from support.entry_points import assert_expected, assert_same
from support.oracle_chains import RESETS, Question, Reset, across_periods, few
from support.processors import hushed, options, without_open
from support.subprocesses import run
from support.trades import trades, walk

import rangebar_polars as rb

GOLDEN = Path(__file__).parents[1] / "golden"
states = pytest.mark.parametrize("state", STATES.values(), ids=STATES)
restore = rb.RangeBarProcessor.from_checkpoint
AGAIN = "(go back to an older one, or read the trades again)"


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
def test_a_checkpoint_behind_every_trade_changes_nothing(
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
def test_another_process_goes_on_where_this_one_was(zone: str | None, tmp_path: Path) -> None:
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
def test_the_seam_behind_a_checkpoint_is_judged_like_any_two_rows(name: str) -> None:
    frame, expected = SEAMS[name]
    processor = rb.RangeBarProcessor(250)
    processor.process_trades(frame.head(1))

    with says(rb.RangeBarError, expected):
        restore(processor.create_checkpoint()).process_trades(frame.tail(1))


def test_a_gap_behind_a_checkpoint_is_told() -> None:
    processor = rb.RangeBarProcessor(250)
    processor.process_trades(trades([100], ids=[1]))
    restored = restore(processor.create_checkpoint())

    with pytest.warns(rb.RangeBarWarning, match="^3 records are missing between agg_trade_id 1 "):
        restored.process_trades(trades([100], ids=[5]))

    assert restored.gaps["missing"].to_list() == [3]


def test_batches_behind_a_checkpoint_must_look_like_those_before() -> None:
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
def test_going_on_from_a_golden_file_gives_the_bars_of_one_pass(name: str) -> None:
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
    asked = {key: x for key, x in state.options.items() if key not in {"symbol", *MICRO}}
    question = Question(thresholds=(asked.pop("threshold_decimal_bps"),), **asked)

    assert_expected(question.expected(state.whole()), question.ask(state.whole()))


@states
def test_a_checkpoint_is_smaller_than_a_kilobyte(state: State) -> None:
    assert len(state.processor().create_checkpoint()) < 1_000


# Refusals.


@states
def test_a_checkpoint_of_another_symbol_is_refused(state: State) -> None:
    of = state.options.get("symbol")

    with says(rb.CheckpointError, f"the checkpoint is of symbol {of!r}: expected 'ETHUSDT'"):
        restore(state.processor().create_checkpoint(), symbol="ETHUSDT")


@states
def test_a_checkpoint_of_another_threshold_is_refused(state: State) -> None:
    of = state.options["threshold_decimal_bps"]

    with says(rb.CheckpointError, f"the checkpoint is of threshold_decimal_bps {of}: expected 99"):
        restore(state.processor().create_checkpoint(), threshold_decimal_bps=99)


@states
def test_a_checkpoint_of_what_was_asked_for_is_restored(state: State) -> None:
    saved = state.processor().create_checkpoint()
    threshold = state.options["threshold_decimal_bps"]

    restored = restore(saved, symbol=state.options.get("symbol"), threshold_decimal_bps=threshold)

    assert saved == restored.create_checkpoint()


SAVED = STATES["an-open-bar"].processor().create_checkpoint()
BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", f"damaged: it does not begin like one {AGAIN}"),
    "something else": (b"PAR1 and more", f"damaged: it does not begin like one {AGAIN}"),
    "cut in its head": (SAVED[:8], f"damaged: it does not begin like one {AGAIN}"),
    "cut": (SAVED[:-1], f"damaged: its checksum does not match {AGAIN}"),
    "longer": (SAVED + b"\0", f"damaged: its checksum does not match {AGAIN}"),
    "a bit": (
        SAVED[:-1] + bytes([SAVED[-1] ^ 1]),
        f"damaged: its checksum does not match {AGAIN}",
    ),
    "version 0": (
        SAVED[:4] + b"\x00" + SAVED[5:],
        (
            "of version 0: this release reads 2 (read the trades again, or use the release that "
            "wrote it)"
        ),
    ),
    "version 1": (
        SAVED[:4] + b"\x01" + SAVED[5:],
        (
            "of version 1: this release reads 2 (read the trades again, or use the release that "
            "wrote it)"
        ),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bytes_that_are_no_checkpoint_are_refused_everywhere(name: str) -> None:
    data, why = BAD[name]
    expected = f"the checkpoint is {why}"

    with says(rb.CheckpointError, expected):
        restore(data)
    with says(rb.CheckpointError, expected):
        rb.bars_with_state(walk(3), 100, state=data)
    with says(rb.CheckpointError, expected):
        rb.bars(walk(3), 100, state=data)


@pytest.mark.parametrize("bad", [None, 3, "RBCP", bytearray(SAVED), memoryview(SAVED)])
def test_what_is_no_bytes_is_a_type_error(bad: Any) -> None:  # noqa: ANN401
    kind = type(bad).__name__
    with says(TypeError, f"data is a {kind}: expected the bytes of a checkpoint"):
        restore(bad)
    if bad is not None:
        with says(TypeError, f"state is a {kind}: expected the bytes of a checkpoint"):
            rb.bars(walk(3), state=bad)


@pytest.mark.parametrize(("symbol", "size"), [("x" * 129, 129), ("é" * 65, 130), ("Ω" * 100, 200)])
def test_a_symbol_of_more_than_128_bytes_is_refused(symbol: str, size: int) -> None:
    expected = f"the symbol has {size} bytes: expected at most 128"

    with says(ValueError, expected):
        rb.RangeBarProcessor(250, symbol)
    with says(ValueError, expected):
        rb.bars_with_state(walk(3), symbol=symbol)


@pytest.mark.parametrize("symbol", ["x" * 128, "é" * 64, "", "\0"])
def test_a_symbol_of_up_to_128_bytes_comes_back(symbol: str) -> None:
    assert restore(rb.RangeBarProcessor(250, symbol).create_checkpoint()).symbol == symbol


@pytest.mark.parametrize("symbol", [3, b"BTC"])
def test_a_symbol_that_is_no_text_is_a_type_error(symbol: Any) -> None:  # noqa: ANN401
    with says(TypeError, f"symbol is {symbol!r}: expected a str or None"):
        rb.RangeBarProcessor(250, symbol)


# Fuzzing.

MUTATIONS = 12_000


def mutated(chance: random.Random, saved: list[bytes]) -> bytes:
    """Return a checkpoint that was changed."""
    data = bytearray(chance.choice(saved))
    kind = chance.randrange(6)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(len(data) + 1)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        elif kind == 1 and data:
            data[at % len(data)] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            data[at:at] = chance.randbytes(chance.choice([1, 2, 10]))
        elif kind == 4:
            del data[at : at + chance.choice([1, 2, 10])]
        else:
            other = chance.choice(saved)
            data[at:] = other[chance.randrange(len(other) + 1) :]
    return bytes(data)


def test_a_checkpoint_that_was_changed_is_never_restored_as_something_else() -> None:
    saved = [state.processor().create_checkpoint() for state in STATES.values()]
    chance = random.Random(5)  # noqa: S311 - not a secret
    refused = 0

    for _ in range(MUTATIONS):
        data = mutated(chance, saved)
        try:
            restored = restore(data)
        except rb.CheckpointError:
            refused += 1
        else:
            assert data in saved
            assert data == restored.create_checkpoint()
    assert refused > MUTATIONS * 0.9


def crc32(data: bytes) -> int:
    """Return the checksum of a checkpoint, bit by bit."""
    crc = 0xFFFF_FFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xEDB8_8320 * (crc & 1)
    return crc ^ 0xFFFF_FFFF


def test_a_changed_state_with_a_matching_checksum_is_refused_or_can_be_saved_again() -> None:
    saved = [state.processor().create_checkpoint() for state in STATES.values()]
    chance, outcomes = random.Random(6), {"restored": 0, "refused": 0}  # noqa: S311 - not a secret

    for _ in range(1_500):
        rest = mutated(chance, saved)[9:]
        data = b"RBCP\x02" + crc32(rest).to_bytes(4, "little") + rest
        try:
            restored = restore(data)
            restored.get_incomplete_bar()
        # ComputeError: a zone that is none; ValueError: a symbol that is too long.
        except (rb.RangeBarError, ValueError, pl.exceptions.ComputeError):
            outcomes["refused"] += 1
        else:
            outcomes["restored"] += 1
            saved_again = restored.create_checkpoint()
            assert saved_again == restore(saved_again).create_checkpoint()
    assert min(outcomes.values()) > 0


# As text.


@states
def test_a_checkpoint_goes_through_json(state: State) -> None:
    processor = state.processor()

    restored = rb.RangeBarProcessor.from_json(processor.to_json())

    assert processor.create_checkpoint() == restored.create_checkpoint()


TEXT = json.loads(STATES["an-open-bar"].processor().to_json())
CONTRADICTIONS = {
    "another format": {"format": "rangebar checkpoint"},
    "another symbol": {"symbol": "ETHUSDT"},
    "no symbol": {"symbol": None},
    "another threshold": {"threshold_decimal_bps": 101},
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_text_that_contradicts_its_bytes_is_refused(name: str) -> None:
    with says(
        rb.CheckpointError,
        f"the checkpoint is damaged: its text contradicts its bytes {AGAIN}",
    ):
        rb.RangeBarProcessor.from_json(json.dumps(TEXT | CONTRADICTIONS[name]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        "{}",
        json.dumps(TEXT | {"checkpoint": "?"}),
        json.dumps(TEXT | {"checkpoint": 3}),
        json.dumps({key: x for key, x in TEXT.items() if key != "symbol"}),
    ],
)
def test_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with says(
        rb.CheckpointError,
        f"the checkpoint is damaged: its text is not what to_json wrote {AGAIN}",
    ):
        rb.RangeBarProcessor.from_json(text)


def test_text_with_damaged_bytes_is_refused() -> None:
    damaged = base64.b64encode(SAVED[:-1] + b"?").decode()

    with says(
        rb.CheckpointError, f"the checkpoint is damaged: its checksum does not match {AGAIN}"
    ):
        rb.RangeBarProcessor.from_json(json.dumps(TEXT | {"checkpoint": damaged}))


def test_text_of_another_symbol_or_threshold_than_asked_for_is_refused() -> None:
    text = json.dumps(TEXT)

    with says(rb.CheckpointError, "the checkpoint is of symbol 'BTCUSDT': expected 'ETHUSDT'"):
        rb.RangeBarProcessor.from_json(text, symbol="ETHUSDT")
    with says(rb.CheckpointError, "the checkpoint is of threshold_decimal_bps 100: expected 99"):
        rb.RangeBarProcessor.from_json(text, threshold_decimal_bps=99)


# Plans that begin from a state.

COLLECT: dict[str, Callable[..., pl.DataFrame]] = {
    "eager": rb.bars,
    "lazy": lambda frame, **asked: rb.bars(frame.lazy(), **asked).collect(),
    "streaming": lambda frame, **asked: (
        frame.lazy().rangebar.bars(**asked).collect(engine="streaming")
    ),
    "arrow": lambda frame, **asked: rb.bars(frame.to_arrow(), **asked),
}


@pytest.mark.parametrize("door", COLLECT)
@few
@given(across_periods(most=25), options(), st.integers(0, 25))
def test_a_plan_goes_on_from_a_state(
    door: str, frame: pl.DataFrame, asked: dict[str, Any], cut: int
) -> None:
    first, state = rb.bars_with_state(frame[:cut], **asked)

    second = COLLECT[door](frame[cut:], state=state, **asked)

    assert_same(rb.bars(frame, **asked), pl.concat([first, second]))


@pytest.mark.parametrize("form", [pl.DataFrame.lazy, pl.DataFrame.to_arrow, pl.DataFrame.clone])
@few
@given(frame=across_periods(most=25), asked=options(), cut=st.integers(0, 25))
def test_bars_with_state_goes_on_and_on(
    form: Any,  # noqa: ANN401
    frame: pl.DataFrame,
    asked: dict[str, Any],
    cut: int,
) -> None:
    first, state = rb.bars_with_state(form(frame[:cut]), symbol="A", **asked)
    second, last = hushed_pair(form(frame[cut:]), state, **asked)

    assert_same(without_open(frame, **asked), pl.concat([first, second]))
    whole = rb.RangeBarProcessor(symbol="A", **asked)
    whole.process_trades(frame)
    assert whole.create_checkpoint() == last


def hushed_pair(trades: Any, state: bytes, **asked: Any) -> tuple[pl.DataFrame, bytes]:  # noqa: ANN401
    """Return what `bars_with_state` gives, whatever it warns of."""
    states = []

    def go_on() -> pl.DataFrame:
        bars, last = rb.bars_with_state(trades, state=state, **asked)
        states.append(last)
        return bars

    return hushed(go_on), states[0]


def test_a_plan_from_a_state_asks_only_for_what_it_needs_and_still_goes_on() -> None:
    frame = walk(300)
    _, state = rb.bars_with_state(frame.head(150), 60)

    plan = rb.bars(frame.tail(150).lazy(), 60, state=state, **MICRO)

    whole = rb.bars(frame, 60, **MICRO)
    for name in whole.columns:
        bars = plan.select(name).collect()
        assert_same(whole.select(name).tail(bars.height), bars)
    assert_same(whole.tail(plan.collect().height).head(2), plan.head(2).collect())


def test_a_state_of_another_day_extends_a_plan_with_a_reset() -> None:
    frame = trades([100, 100.1, 100], [0, 1, 86_400_000])
    _, state = rb.bars_with_state(frame.head(2), reset="day", include_incomplete=True)

    bars = rb.bars(frame.tail(1).lazy(), state=state, reset="day", include_incomplete=True)

    assert bars.collect()["close"].to_list() == [100.1, 100]


OTHER: dict[str, tuple[dict[str, Any], str]] = {
    "threshold": ({"threshold_decimal_bps": 99}, "threshold_decimal_bps 100: expected 99"),
    "gate": (
        {"prevent_same_timestamp_close": False},
        "prevent_same_timestamp_close true: expected false",
    ),
    "reset": ({"reset": "day"}, "reset none: expected day"),
}


@pytest.mark.parametrize("name", OTHER)
def test_a_state_of_another_rule_is_refused(name: str) -> None:
    changed, differs = OTHER[name]
    asked: dict[str, Any] = {"threshold_decimal_bps": 100} | changed
    expected = f"the checkpoint is of {differs}"

    with says(rb.CheckpointError, expected):
        rb.bars(walk(3), state=SAVED, **asked)
    with says(rb.CheckpointError, expected):
        rb.bars_with_state(walk(3), state=SAVED, **asked)
    with says(rb.CheckpointError, expected):
        rb.bars(walk(3).lazy(), state=SAVED, **asked)


@pytest.mark.parametrize(("saved", "asked"), list(product([None, *RESETS], repeat=2)), ids=str)
def test_a_state_is_refused_for_any_other_reset(saved: Reset | None, asked: Reset | None) -> None:
    frame = trades([100])
    _, state = rb.bars_with_state(frame, reset=saved)

    if saved == asked:
        assert rb.bars_with_state(frame, reset=asked, state=state)[0].is_empty()
    else:
        differs = f"{saved or 'none'}: expected {asked or 'none'}"
        with says(rb.CheckpointError, f"the checkpoint is of reset {differs}"):
            rb.bars_with_state(frame, reset=asked, state=state)


def test_a_state_of_another_symbol_is_refused() -> None:
    with says(rb.CheckpointError, "the checkpoint is of symbol 'BTCUSDT': expected 'ETHUSDT'"):
        rb.bars_with_state(walk(3), 100, state=SAVED, symbol="ETHUSDT")


@pytest.mark.parametrize(
    "several",
    [
        {"by": "symbol"},
        {"threshold_decimal_bps": [100]},
        {"threshold_decimal_bps": [100, 200]},
        {"aggs": pl.len()},
    ],
    ids=["by", "a list of one", "several", "aggs"],
)
def test_a_state_is_of_one_chain(several: dict[str, Any]) -> None:
    expected = "state is of one chain of bars: expected one threshold, no by and no aggs"

    asked: dict[str, Any] = {"threshold_decimal_bps": 100, "state": SAVED} | several
    with says(ValueError, expected):
        rb.bars(walk(3), **asked)
    with says(ValueError, expected):
        rb.bars(walk(3).lazy(), **asked)
