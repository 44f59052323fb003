"""A ClickHouse server that is killed while symbols are filled, and the call after it."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.cached_trades import DAYS, SOURCE, give, one_pass, trades_of
from support.clickhouse_server import ClickHouseServer
from support.entry_points import assert_same

import rangebar_polars as rb

SYMBOLS = ["A", "B", "C"]
ASKED: tuple[Any, ...] = (DAYS[0], DAYS[-1], 30)
KILLS = 3


@pytest.mark.filterwarnings("ignore:.* were not filled:rangebar_polars.RangeBarWarning")
def test_whenever_a_server_is_killed_the_next_call_has_the_bars_of_one_pass(
    own_server: ClickHouseServer, cache: Path
) -> None:
    chance = random.Random(0)  # noqa: S311 - not a secret
    for symbol in SYMBOLS:
        give(cache, trades_of(DAYS), symbol)
    for number in range(KILLS):
        url = own_server.url(f"filled_{number}")
        own: dict[str, Any] = {"source": SOURCE, "store": url, "cache_dir": cache}
        rb.open_store(url).close()
        fuse = threading.Timer(chance.random() / 2, own_server.kill)
        fuse.start()
        try:
            with ThreadPoolExecutor(1) as pool:
                report = rb.populate(SYMBOLS, *ASKED, executor=pool, **own)
            stopped = report.filter(status="failed")["message"].to_list()
        except rb.StoreError as error:
            # It was killed before the first symbol was begun.
            stopped = [f"StoreError: {error}"]
        fuse.join()
        own_server.start()

        assert all(text.startswith("StoreError: ClickHouse at 127.0.0.1") for text in stopped)
        again = rb.populate(SYMBOLS, *ASKED, processes=1, **own)
        assert again["status"].to_list() == ["ok"] * len(SYMBOLS)
        for symbol in SYMBOLS:
            expected = one_pass(cache, DAYS[0], DAYS[-1], symbol=symbol, threshold_decimal_bps=30)
            assert_same(expected, rb.get_range_bars(symbol, *ASKED, **own))
