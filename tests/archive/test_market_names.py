"""Binance's markets are also known by the names of rangebar-py."""

from pathlib import Path

import pytest
from support.assertions import says

import rangebar_polars as rb
from rangebar_polars._catalog.settings import Settings


def market_of(market: str, source: str = "binance") -> str:
    """Return the market that trades are looked for in."""
    settings = Settings.check(
        source=source,
        market=market,
        cache_dir=None,
        archive=None,
        cache_compression=None,
        fetch_if_missing=False,
        progress=None,
    )
    return settings.series("BTCUSDT").market


@pytest.mark.parametrize(
    ("name", "market"),
    [
        ("spot", "spot"),
        ("um", "um"),
        ("cm", "cm"),
        ("futures-um", "um"),
        ("futures-cm", "cm"),
        ("Futures-UM", "um"),
        ("SPOT", "spot"),
    ],
)
def test_a_market_has_the_names_of_rangebar_py(name: str, market: str) -> None:
    assert market_of(name) == market
    assert repr(rb.Catalog(market=name)) == f"Catalog('binance', {market!r})"


def test_a_market_of_your_own_source_keeps_its_name() -> None:
    assert market_of("futures-um", source="mine") == "futures-um"


def test_the_same_days_are_found_by_either_name(tmp_path: Path) -> None:
    for name in ("um", "futures-um"):
        with says(
            rb.CacheError,
            f"no trades of binance um BTCUSDT are cached for 2024-08-08 in {tmp_path} "
            "(fetch_if_missing=True fetches them)",
        ):
            rb.scan_ticks(
                "BTCUSDT",
                "2024-08-08",
                "2024-08-08",
                market=name,
                cache_dir=tmp_path,
                fetch_if_missing=False,
            )


def test_the_cache_is_asked_by_either_name(tmp_path: Path) -> None:
    day = tmp_path / "ticks" / "source=binance" / "market=um" / "symbol=BTCUSDT"
    day.mkdir(parents=True)
    (day / "2024-08-08.parquet").write_bytes(b"damaged")

    found = [
        rb.cache_status(source="binance", market=name, cache_dir=tmp_path)["market"].to_list()
        for name in ("um", "futures-um", "spot")
    ]

    assert found == [["um"], ["um"], []]
