"""Real days through a real server: every good one is its source, every broken one is reported."""

import warnings
import zipfile
from typing import Any, Literal

import polars as pl
import pytest
from support.archive_server import ArchiveServer
from support.entry_points import assert_same
from support.shared_data import SHARED, needs_shared_data

import rangebar_polars as rb
from rangebar_polars.errors import RangeBarWarning

DAY = "2024-08-08"
NAME = f"BTCUSDT-aggTrades-{DAY}.zip"


@needs_shared_data
@pytest.mark.parametrize(
    ("market", "symbol", "days", "source"),
    [
        ("spot", "BTCUSDT", "2024-08-08 2024-08-09", "hftb_binance_spot_btcusdt_20240808_09"),
        ("um", "BTCUSDT", "2024-08-08", "hftb_binance_um_btcusdt_20240808"),
        ("um", "BTCUSDT", "2023-04-05", "hftb_binance_um_btcusdt_20230405"),
        ("cm", "BTCUSD_PERP", "2024-08-08", "hftb_binance_cm_btcusd_perp_20240808_09"),
    ],
)
def test_real_days_are_the_source_trades(
    server: ArchiveServer, market: str, symbol: str, days: str, source: str
) -> None:
    """Each source trade is in one aggregate, at its price and side; none is left over."""
    server.add_folder(SHARED / "vision/good")

    start, end = days.split(maxsplit=1)[0], days.rsplit(maxsplit=1)[-1]
    got = rb.scan_ticks(symbol, start, end, market=market, archive=server.url).collect()

    raw = pl.read_parquet(SHARED / f"trades/{source}.parquet")
    raw = raw.filter(pl.col("first_trade_id") <= got["last_trade_id"][-1])
    if market != "spot":
        raw = raw.filter(pl.col("order_type") == "MARKET")
    raw = raw.sort("first_trade_id")
    within = raw.join_asof(
        got.with_columns(pl.col("first_trade_id").alias("of")),
        on="first_trade_id",
        suffix="_of",
    )
    assert (within["price"] == within["price_of"]).all()
    assert (within["is_buyer_maker"] == within["is_buyer_maker_of"]).all()
    assert (within["first_trade_id"] <= within["last_trade_id_of"]).all()
    sums = within.group_by("of", maintain_order=True).agg(
        pl.col("quantity").sum().round(8), pl.col("timestamp").first()
    )
    assert sums["of"].equals(got["first_trade_id"].alias("of"))
    assert sums["quantity"].equals(got["quantity"].round(8))
    assert sums["timestamp"].equals(got["timestamp"])


@needs_shared_data
@pytest.mark.parametrize(
    ("market", "symbol", "last"),
    [
        ("spot", "BTCUSDT", "2024-08-09"),
        ("um", "BTCUSDT", DAY),
        # Its file ends with moments of the next day.
        ("cm", "BTCUSD_PERP", DAY),
    ],
)
@pytest.mark.parametrize("reset", [None, "day"])
def test_bars_of_real_days_are_those_of_one_pass_whatever_was_stored_before(
    server: ArchiveServer, market: str, symbol: str, last: str, reset: Literal["day"] | None
) -> None:
    server.add_folder(SHARED / "vision/good")
    own: dict[str, Any] = {"market": market, "archive": server.url}
    question: dict[str, Any] = {
        "threshold_decimal_bps": [10, 25],
        "reset": reset,
        "include_microstructure": True,
        "include_incomplete": True,
    }
    ticks = rb.scan_ticks(symbol, DAY, last, **own).collect()

    got = [rb.get_range_bars(symbol, DAY, end, **own, **question) for end in (DAY, last, last)]

    assert_same(rb.bars(ticks, **question), got[1])
    assert_same(got[1], got[2])
    assert got[1].height > 100


@needs_shared_data
def test_real_days_in_ms_and_us_join_into_one_chain(server: ArchiveServer) -> None:
    server.add_folder(SHARED / "vision/good")
    good = rb.scan_ticks("BTCUSDT", "2024-08-08", "2024-08-09", archive=server.url).collect()
    server.add_folder(SHARED / "vision/defects/ms_then_us")

    joined = rb.scan_ticks(
        "BTCUSDT", "2024-08-08", "2024-08-09", archive=server.url, refresh=True
    ).collect()

    assert joined.equals(good)
    assert joined["timestamp"].is_sorted()
    pytest.importorskip("rangebar_polars._internal", reason="bars are not built here")
    bars = vars(rb)["bars"]
    assert bars(joined, threshold_decimal_bps=250).equals(bars(good, threshold_decimal_bps=250))


@needs_shared_data
@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("interleaved", {"out_of_order": 4164, "interleaved": True}),
        ("duplicated_block", {"duplicates": 1000}),
        ("missing_ids", {"missing_ids": 1100}),
        ("zero_qty", {"zero_quantities": 3126}),
        ("tombstones", {"tombstones": 3}),
        ("no_header_um", {"header": False}),
        ("header_only", {"rows_before": 0, "header": True}),
    ],
)
def test_real_defects_are_counted_and_the_rest_is_the_good_file(
    server: ArchiveServer, folder: str, expected: dict[str, object]
) -> None:
    market = "spot" if folder == "tombstones" else "um"
    server.add_folder(SHARED / "vision/good")
    good = day_of(server, market)
    server.add_folder(SHARED / "vision/defects" / folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RangeBarWarning)
        got = day_of(server, market)

    report = rb.archive_quality("BTCUSDT", DAY, DAY, market=market)

    assert report.select(expected.keys()).row(0, named=True) == expected
    counts = ("out_of_order", "duplicates", "tombstones", "zero_quantities", "missing_ids")
    assert {name for name in counts if report[name][0]} == expected.keys() & set(counts)
    kept = good.filter(pl.col("agg_trade_id").is_in(got["agg_trade_id"].implode()))
    absent = {"missing_ids": 1100, "header_only": good.height}.get(folder, 0)
    assert kept.height == good.height - absent
    changed = ["quantity"] if folder == "zero_qty" else []
    assert kept.drop(changed).equals(got.drop(changed))


def day_of(server: ArchiveServer, market: str) -> pl.DataFrame:
    """Return DAY as the server has it now."""
    return rb.scan_ticks(
        "BTCUSDT", DAY, DAY, market=market, archive=server.url, refresh=True
    ).collect()


@needs_shared_data
@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("bad_checksum", f"{NAME} has not the published SHA-256: expected "),
        ("truncated_zip", f"{NAME} has not the published SHA-256: expected "),
        ("empty_csv", f"{NAME} holds an empty csv (fetch it again; "),
    ],
)
def test_real_files_that_are_broken_are_reported(
    server: ArchiveServer, folder: str, message: str
) -> None:
    server.add_folder(SHARED / "vision/defects" / folder)

    report = rb.archive_quality("BTCUSDT", DAY, DAY, market="um", archive=server.url)

    assert report["status"].to_list() == ["unreadable"]
    assert report["message"][0].startswith(message)


@needs_shared_data
def test_a_real_zip_that_is_cut_is_seen_without_its_checksum(server: ArchiveServer) -> None:
    server.add_folder(SHARED / "vision/defects/truncated_zip")
    server.files = {path: body for path, body in server.files.items() if path.endswith(".zip")}

    report = rb.archive_quality("BTCUSDT", DAY, DAY, market="um", archive=server.url)

    assert report["message"].to_list() == [
        f"{NAME} is no whole zip: File is not a zip file (fetch it again)"
    ]


@needs_shared_data
def test_an_off_market_print_of_a_raw_stream_is_counted() -> None:
    (path,) = (SHARED / "vision/defects/raw_stream_with_insurance_fund").glob("**/*.zip")
    with zipfile.ZipFile(path) as archive:
        trades = pl.read_csv(archive.read(archive.namelist()[0]))

    report = rb.import_trades(
        trades,
        symbol="BTCUSDT",
        source="raw",
        time_unit="ms",
        columns=rb.TradeColumns(
            timestamp="time", quantity="qty", first_trade_id="id", last_trade_id="id"
        ),
    )

    assert report.select("rows_after", "off_market").rows() == [(trades.height, 1)]
