"""Bytes and texts that are no checkpoint, or of another chain, are refused."""

import base64
import json
from typing import Any

import pytest
from support.assertions import says
from support.checkpoint_cases import SAVED, restore, states
from support.checkpoint_states import STATES, State
from support.trades import walk

import rangebar_polars as rb

AGAIN = "(go back to an older one, or read the trades again)"


# Refusals.


@states
def test_a_checkpoint_of_another_symbol_is_refused(state: State) -> None:
    of = state.options.get("symbol")

    with says(rb.CheckpointError, f"the checkpoint is of symbol {of!r}: expected 'ETHUSDT'"):
        restore(state.processor().create_checkpoint(), symbol="ETHUSDT")


@states
def test_a_checkpoint_of_another_threshold_is_refused(state: State) -> None:
    of = state.processor().rule
    expected = str(of).replace(str(state.options["threshold_decimal_bps"]), "99")

    with says(rb.CheckpointError, f"the checkpoint is of rule {of}: expected {expected}"):
        restore(state.processor().create_checkpoint(), threshold_decimal_bps=99)


@states
def test_a_checkpoint_of_what_was_asked_for_is_restored(state: State) -> None:
    saved = state.processor().create_checkpoint()
    threshold = state.options["threshold_decimal_bps"]

    restored = restore(saved, symbol=state.options.get("symbol"), threshold_decimal_bps=threshold)

    assert saved == restored.create_checkpoint()


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
            "of version 0: this release reads 6 (read the trades again, or use the release that "
            "wrote it)"
        ),
    ),
    "version 1": (
        SAVED[:4] + b"\x01" + SAVED[5:],
        (
            "of version 1: this release reads 6 (read the trades again, or use the release that "
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
    "another rule": {"rules": ["range-101"]},
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
    with says(rb.CheckpointError, "the checkpoint is of rule range-100: expected range-99"):
        rb.RangeBarProcessor.from_json(text, threshold_decimal_bps=99)
