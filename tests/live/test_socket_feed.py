"""Bars of a WebSocket in Binance's form, recorded by a process that is killed again and again."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest
from support.entry_points import assert_same
from support.recorded import FEED, sample
from support.subprocesses import TIMEOUT
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

import rangebar_polars as rb

KILLS = int(os.environ.get("RANGEBAR_KILLS", "3"))
"""Each costs the start of a process, so the suite has fewer than one may ask for."""
RUN = """
import json
import sys

from websockets.sync.client import connect

import rangebar_polars as rb

columns = rb.TradeColumns(
    timestamp="T", price="p", quantity="q", is_buyer_maker="m", agg_trade_id="a",
    first_trade_id="f", last_trade_id="l",
)
processor = rb.RangeBarProcessor(
    15, "BTCUSDT", include_microstructure=True, columns=columns, lookback=int(sys.argv[3]),
    vpin=rb.Vpin(0.5, 20), footprint=rb.Footprint(0.5),
)
with rb.BarRecorder(sys.argv[1], processor, save_every=0.02) as recorder:
    last = recorder.position["agg_trade_id"].max() or 0
    with connect(f"{sys.argv[2]}/ws/btcusdt@aggTrade?after={last}") as socket:
        for message in socket:
            recorder.process_trades(json.loads(message))
            socket.send("processed")
"""


@dataclass
class Feed:
    """A server of the messages after an id, which kills its client where a test wants it.

    Attributes
    ----------
    url
        Where it serves.
    child
        The process that is killed.
    kill_after
        After how many processed messages; None: never.
    asked
        The ids that clients have named.
    """

    url: str = ""
    child: "subprocess.Popen[str] | None" = None
    kill_after: int | None = None
    asked: list[int] = field(default_factory=list)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """Serve on a port of this machine."""
        feed = cls()
        with serve(feed.answer, "127.0.0.1", 0, compression=None) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            feed.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
            try:
                yield feed
            finally:
                server.shutdown()
                thread.join()

    def answer(self, socket: ServerConnection) -> None:
        """Send what follows the id that the client names."""
        assert socket.request is not None
        after = int(parse_qs(urlsplit(socket.request.path).query)["after"][0])
        self.asked.append(after)
        trades = [trade for trade in FEED if trade["a"] > after]
        killer = threading.Thread(target=self.kill_in_time, args=(socket, len(trades)))
        killer.start()
        with suppress(ConnectionClosed):
            for trade in trades:
                socket.send(json.dumps(trade))
        killer.join()

    def kill_in_time(self, socket: ServerConnection, count: int) -> None:
        """Read that so many messages were processed, and kill the process in the middle of one."""
        with suppress(ConnectionClosed):
            for number in range(count):
                socket.recv()
                if number == self.kill_after and self.child is not None:
                    self.child.kill()


def start(folder: Path, url: str, lookback: int) -> "subprocess.Popen[str]":
    """Start a process that records the feed."""
    return subprocess.Popen(  # noqa: S603 - the tests' own code
        [sys.executable, "-c", RUN, str(folder), url, str(lookback)],
        env=os.environ | {"POLARS_MAX_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def recorded(folder: Path) -> pl.DataFrame:
    """Return the bars that are on the disk."""
    return rb.scan_recorded_bars(folder).collect()


@pytest.mark.parametrize("lookback", [20, 4_000], ids=["a small state", "a large state"])
def test_killed_at_any_moment_the_bars_are_those_of_one_pass_to_the_last_bit(
    lookback: int, tmp_path: Path
) -> None:
    chance = random.Random(16)  # noqa: S311 - not a secret
    asked: dict[str, Any] = {"vpin": rb.Vpin(0.5, 20), "footprint": rb.Footprint(0.5)}
    whole = rb.bars(sample(), 15, include_microstructure=True, lookback=lookback, **asked)
    kills, folders = 0, [tmp_path / "0"]
    with Feed.running() as feed:
        while kills < KILLS:
            feed.kill_after = chance.randrange(3_000)
            with start(folders[-1], feed.url, lookback) as feed.child:
                _, errors = feed.child.communicate(timeout=TIMEOUT)
            assert feed.child.returncode in {0, -signal.SIGKILL}, errors
            done = recorded(folders[-1])
            assert done.is_empty() or done.equals(whole.head(done.height))
            if feed.child.returncode == 0:
                # It had fewer messages left: the next kills are of another record.
                folders.append(tmp_path / str(len(folders)))
            else:
                kills += 1
        feed.kill_after = None
        for folder in folders:
            with start(folder, feed.url, lookback) as child:
                _, errors = child.communicate(timeout=TIMEOUT)
            assert (child.returncode, errors) == (0, "")
            assert_same(whole, recorded(folder))
            assert any(folder.glob("*.state")) == (lookback > 1_000)

    assert len({*feed.asked}) > KILLS // 2
