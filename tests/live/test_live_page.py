"""The program of docs/live.md, with an archive, a server of trades and a socket on this machine."""

import datetime as dt
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest
from support.archive_server import ArchiveServer, publish
from support.entry_points import assert_same
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

import rangebar_polars as rb
from rangebar_polars._catalog import trades as cached_trades

PAGE = Path(__file__).parents[2] / "docs" / "live.md"
DAYS = [dt.date(2024, 1, 1), dt.date(2024, 1, 2)]
FIRST_ID = 1_200
"""The first id after the days of the archive."""
COUNT = 4_000
"""The number of live trades."""


def live_trades() -> list[dict[str, Any]]:
    """Return trades as Binance's servers and sockets have them."""
    midnight = int(dt.datetime(2024, 1, 3, tzinfo=dt.UTC).timestamp()) * 1_000
    return [
        {
            "a": FIRST_ID + row,
            "p": f"{100 + row % 37 / 100:.8f}",
            "q": "0.50000000",
            "f": 2 * (FIRST_ID + row),
            "l": 2 * (FIRST_ID + row) + 1,
            "T": midnight + 20 * row,
            "m": row % 3 == 0,
            "M": True,
        }
        for row in range(COUNT)
    ]


class TradesSince(BaseHTTPRequestHandler):
    """Answers with trades from an id on, at most a thousand."""

    until = 0

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:  # the name is http.server's
        """Answer."""
        asked = parse_qs(urlsplit(self.path).query)
        start, limit = int(asked["fromId"][0]) - FIRST_ID, int(asked["limit"][0])
        body = json.dumps(live_trades()[: self.until][start : start + limit]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def send(socket: ServerConnection, *, start: int, until: int) -> None:
    """Send some of the trades."""
    with suppress(ConnectionClosed):
        for trade in live_trades()[start:until]:
            socket.send(json.dumps({"e": "aggTrade", "s": "BTCUSDT"} | trade))


@contextmanager
def served(answered: int, start: int, until: int) -> Iterator[dict[str, str]]:
    """Serve trades and a socket; yield their addresses by those of the page.

    Parameters
    ----------
    answered
        How many trades the server has.
    start, until
        Which of the trades the socket sends.
    """
    handler = type("Since", (TradesSince,), {"until": answered})
    sending = partial(send, start=start, until=until)
    trades = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with serve(sending, "127.0.0.1", 0, compression=None) as sockets, trades:
        threads = [threading.Thread(target=each.serve_forever) for each in (trades, sockets)]
        for thread in threads:
            thread.start()
        yield {
            "https://api.binance.com": f"http://127.0.0.1:{trades.server_address[1]}",
            "wss://stream.binance.com:9443": f"ws://127.0.0.1:{sockets.socket.getsockname()[1]}",
        }
        trades.shutdown()
        sockets.shutdown()
        for thread in threads:
            thread.join()


def run_page(addresses: dict[str, str]) -> None:
    """Run the program of the page with other addresses, and a threshold that ends bars."""
    found = re.search(
        r"```python\n(import json.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    assert found is not None
    code = found[1].replace(", 250,", ", 30,")
    for address, other in addresses.items():
        assert address in code
        code = code.replace(address, other)
    exec(compile(code, str(PAGE), "exec"), {})  # noqa: S102 - our own page


def test_the_page_records_the_bars_of_one_pass_and_continues_them(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, DAYS, first_day=dt.date(2024, 1, 1))
    monkeypatch.setenv("RANGEBAR_BINANCE_URL", server.url)
    monkeypatch.setattr(cached_trades, "_today", lambda: DAYS[-1] + dt.timedelta(days=1))
    monkeypatch.chdir(tmp_path)

    # The socket begins before, with and after what the server has, and overlaps it.
    with served(answered=1_300, start=1_200, until=1_500) as addresses:
        run_page(addresses)
    assert rb.scan_recorded_bars("live-bars").collect().height > 0
    publish(server, [dt.date(2024, 1, 3)], first_day=dt.date(2024, 1, 1))
    with served(answered=3_000, start=2_990, until=3_200) as addresses:
        run_page(addresses)
    with served(answered=3_200, start=3_100, until=COUNT) as addresses:
        run_page(addresses)

    archive = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1]).collect()
    assert archive["agg_trade_id"].max() == FIRST_ID - 1
    utc = pl.from_epoch("T", time_unit="ms").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    live = pl.DataFrame(live_trades()).select(
        timestamp=utc,
        price=pl.col("p").cast(pl.Float64),
        quantity=pl.col("q").cast(pl.Float64),
        is_buyer_maker="m",
        agg_trade_id="a",
        first_trade_id="f",
        last_trade_id="l",
    )
    stored = rb.get_range_bars("BTCUSDT", DAYS[0], DAYS[-1], 30)
    recorded = rb.scan_recorded_bars("live-bars").collect()
    assert recorded.height > 100
    assert_same(rb.bars(pl.concat([archive, live]), 30), pl.concat([stored, recorded]))
