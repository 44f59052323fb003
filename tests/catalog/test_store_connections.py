"""A plan over a store on a server opens it when it runs, and keeps neither it nor a password."""

import pickle
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, trades_of
from support.clickhouse_server import PASSWORD
from support.entry_points import assert_same

import rangebar_polars as rb
from rangebar_polars.store import ClickHouseStore, address_of

FIRST, LAST = DAYS[0], DAYS[3]
REFUSED = (
    "a store whose URL has a password cannot be pickled (set CLICKHOUSE_URL where the store is "
    "used, and give the store as 'clickhouse://')"
)


@pytest.fixture
def mine(tmp_path: Path) -> dict[str, Any]:
    """Return the arguments that name cached trades."""
    give(tmp_path, trades_of(DAYS[:4]))
    return {"source": SOURCE, "cache_dir": tmp_path}


def connections() -> int:
    """Return how many pools of connections the driver knows of."""
    return len(pytest.importorskip("clickhouse_connect.driver.httputil").all_managers)


def test_plans_keep_no_connection(mine: dict[str, Any], clickhouse_url: str) -> None:
    before = connections()

    plans = [rb.scan_range_bars(SYMBOL, FIRST, LAST, store=clickhouse_url, **mine) for _ in "abc"]
    assert connections() == before

    want = rb.get_range_bars(SYMBOL, FIRST, LAST, **mine)
    for plan in plans:
        assert_same(want, plan.collect())
        assert_same(want.head(1), plan.head(1).collect())
    assert connections() == before


def test_a_connection_of_duckdb_keeps_none_to_the_store(
    mine: dict[str, Any], clickhouse_url: str
) -> None:
    pytest.importorskip("duckdb")
    want = rb.get_range_bars(SYMBOL, FIRST, LAST, 30, store=clickhouse_url, **mine)
    before = connections()

    with rb.duckdb.connect(clickhouse_url, cache_dir=mine["cache_dir"]) as connection:
        for _ in range(2):
            got = connection.sql("SELECT close FROM bars WHERE close > 0").pl()
            assert_same(want.select("close"), got)
            assert connections() == before


def test_a_plan_is_pickled_without_a_password(
    mine: dict[str, Any], clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKHOUSE_URL", clickhouse_url)
    plan = rb.scan_range_bars(SYMBOL, FIRST, LAST, 30, store="clickhouse://", **mine)

    pickled = cloudpickle.dumps(plan)

    assert PASSWORD.encode() not in pickled
    again = pickle.loads(pickled)  # noqa: S301 - our own
    assert_same(plan.collect(), again.collect())


def test_a_password_is_not_pickled(clickhouse_url: str, tmp_path: Path) -> None:
    with ClickHouseStore(clickhouse_url) as store:
        addresses = address_of(clickhouse_url, tmp_path), address_of(store, tmp_path)
        for what in (store, *addresses, rb.Catalog(store=clickhouse_url)):
            with pytest.raises(TypeError) as caught:
                pickle.dumps(what)
            assert str(caught.value) == REFUSED
            assert PASSWORD not in repr(what)


def test_a_store_of_the_environment_is_pickled(
    clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKHOUSE_URL", clickhouse_url)
    with ClickHouseStore("clickhouse://") as store:
        again: ClickHouseStore = pickle.loads(pickle.dumps(store))  # noqa: S301 - our own

        with again:
            assert again.url == store.url
