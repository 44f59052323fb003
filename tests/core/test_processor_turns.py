"""One call of a processor at a time: a second one is refused and nothing is lost."""

import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread
from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.trades import trades

import rangebar_polars as rb

TEXT = (
    "the processor is in the middle of another call, of another thread or of what that call reads "
    "(give it trades from one thread, one call after another)"
)
TRADE = {"timestamp": 1_704_067_200_000, "price": 100.0, "quantity": 1.0}


def test_trades_of_eight_threads_are_counted_or_refused() -> None:
    one, batch = rb.RangeBarProcessor(250), trades([100.0] * 5_000, [0] * 5_000)
    start = Barrier(8)

    def feed(_: int) -> int:
        taken = 0
        start.wait()
        for _ in range(100):
            try:
                one.process_trades(batch)
            except rb.RangeBarError as error:
                assert str(error) == TEXT  # noqa: PT017 - either may happen
            else:
                taken += batch.height
            one.create_checkpoint()
        return taken

    with ThreadPoolExecutor(8) as threads:
        taken = sum(threads.map(feed, range(8)))

    bar = one.get_incomplete_bar()
    assert bar is not None
    assert bar["agg_record_count"].item() == taken > 0


def test_a_call_by_what_a_call_reads_is_refused() -> None:
    one = rb.RangeBarProcessor(250)

    def records() -> Iterator[dict[str, Any]]:
        yield TRADE
        one.process_trades(TRADE)

    with says(rb.RangeBarError, TEXT):
        one.process_trades(records())

    assert one.get_incomplete_bar() is None
    assert one.process_trades(TRADE).is_empty()


def test_a_plan_that_calls_the_processor_is_refused() -> None:
    one, frame = rb.RangeBarProcessor(250), trades([100, 101])

    def call(rows: pl.DataFrame) -> pl.DataFrame:
        one.process_trades(rows)
        return rows

    with pytest.raises(rb.RangeBarError, match="the processor is in the middle of another call"):
        one.process_trades(frame.lazy().map_batches(call, schema=frame.schema))

    assert one.get_incomplete_bar() is None


def test_a_processor_is_read_while_a_call_is_running() -> None:
    one = rb.RangeBarProcessor(250)
    one.process_trades(TRADE)
    before = one.create_checkpoint()

    def records() -> Iterator[dict[str, Any]]:
        yield TRADE | {"timestamp": TRADE["timestamp"] + 1}
        assert one.create_checkpoint() == before
        assert one.position.height == 1
        assert pickle.loads(pickle.dumps(one)).create_checkpoint() == before  # noqa: S301
        with says(rb.RangeBarError, TEXT):
            one.resume(before)

    one.process_trades(records())

    assert one.create_checkpoint() != before


def test_a_child_forked_in_the_middle_of_a_call_has_its_turn() -> None:
    one = rb.RangeBarProcessor(250)
    statuses = list[int]()

    def records() -> Iterator[dict[str, Any]]:
        yield TRADE
        child = os.fork()
        if child == 0:
            status = 1
            try:
                thread = Thread(target=one.process_trades, args=(TRADE,))
                thread.start()
                thread.join()
                status = 0 if one.get_incomplete_bar() is not None else 2
            finally:
                os._exit(status)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    one.process_trades(records())

    assert statuses == [0]


@pytest.mark.parametrize("raised", [OSError, KeyboardInterrupt, SystemExit])
def test_a_call_that_raises_anything_ends_its_turn(raised: type[BaseException]) -> None:
    one = rb.RangeBarProcessor(250)

    def records() -> Iterator[dict[str, Any]]:
        yield TRADE
        raise raised

    with pytest.raises(raised):
        one.process_trades(records())

    assert one.process_trades(TRADE).is_empty()
    assert one.position.height == 1


def test_what_is_read_beside_the_call_of_another_thread_is_of_whole_calls() -> None:
    one, batch, done, seen = rb.RangeBarProcessor(250), [TRADE] * 50, Event(), list[int]()

    def look() -> None:
        while not done.is_set():
            copies = [
                one,
                pickle.loads(pickle.dumps(one)),  # noqa: S301 - our own
                rb.RangeBarProcessor.from_json(one.to_json()),
                rb.RangeBarProcessor.from_checkpoint(one.create_checkpoint()),
            ]
            bars = [each.get_incomplete_bar() for each in copies]
            seen.extend(bar["agg_record_count"].item() for bar in bars if bar is not None)

    with ThreadPoolExecutor(4) as threads:
        lookers = [threads.submit(look) for _ in range(4)]
        calls = 0
        while calls < 500 or not seen:
            one.process_trades(batch)
            calls += 1
        done.set()
        for looker in lookers:
            looker.result()

    assert {count % len(batch) for count in seen} == {0}


def test_a_processor_that_is_resumed_is_of_the_checkpoint_or_of_before() -> None:
    first = rb.RangeBarProcessor(250, "A")
    first.process_trades([TRADE] * 7)
    saved, one, done = first.create_checkpoint(), rb.RangeBarProcessor(250), Event()
    before = one.create_checkpoint()
    seen = set[bytes]()

    def look() -> None:
        while not done.is_set():
            seen.add(one.create_checkpoint())

    with ThreadPoolExecutor(1) as threads:
        looker = threads.submit(look)
        for _ in range(200):
            one.resume(saved)
        done.set()
        looker.result()

    assert seen <= {before, saved}
    assert one.symbol == "A"
