"""Files in the shapes that venues publish, as text, imported as their readers would type it."""

import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import rangebar_polars as rb


@dataclass(frozen=True, kw_only=True)
class Published:
    """A file as a venue publishes it, with its first day, sides and prices."""

    source: str
    name: str
    text: str
    columns: rb.TradeColumns
    options: dict[str, Any] = field(default_factory=dict)
    prices: list[float] = field(default_factory=list)
    sold: list[bool | None] = field(default_factory=list)


FILES = {
    "Tardis": Published(
        source="docs.tardis.dev, downloadable CSV files, trades",
        name="deribit_trades_2020-03-01_BTC-PERPETUAL.csv.gz",
        text="exchange,symbol,timestamp,local_timestamp,id,price,amount,side\n"
        "deribit,BTC-PERPETUAL,1583020800054000,1583020800062191,75847562,8523.5,2500,buy\n"
        "deribit,BTC-PERPETUAL,1583020801115000,1583020801122191,75847563,8523,10,sell\n"
        "deribit,BTC-PERPETUAL,1583020802115000,1583020802122191,75847564,8523.5,10,unknown\n",
        columns=rb.TradeColumns(quantity="amount", side="side", agg_trade_id="id"),
        options={"time_unit": "us"},
        prices=[8523.5, 8523.0, 8523.5],
        sold=[False, True, None],
    ),
    "Bybit spot": Published(
        source="public.bybit.com/spot",
        name="BTCUSDT_2024-08-08.csv.gz",
        text="id,timestamp,price,volume,side\n"
        "1,1723075200042,55114.13,0.00072,buy\n"
        "2,1723075200313,55114.12,0.025,sell\n",
        columns=rb.TradeColumns(quantity="volume", side="side", agg_trade_id="id"),
        options={"time_unit": "ms"},
        prices=[55114.13, 55114.12],
        sold=[False, True],
    ),
    "OKX": Published(
        source="okx.com, historical data, trades",
        name="BTC-USDT-trades-2024-08-08.csv",
        text="instrument_name,trade_id,side,price,size,created_time\n"
        "BTC-USDT,573301530,sell,55100.1,0.0012,1723075200101\n"
        "BTC-USDT,573301531,buy,55100.2,0.5,1723075200409\n",
        columns=rb.TradeColumns(
            timestamp="created_time", quantity="size", side="side", agg_trade_id="trade_id"
        ),
        options={"time_unit": "ms"},
        prices=[55100.1, 55100.2],
        sold=[True, False],
    ),
    "Coinbase Exchange, the side of the resting order": Published(
        source="docs.cdp.coinbase.com, Exchange REST API, product trades",
        name="trades.csv",
        text="trade_id,side,size,price,time\n"
        "74,sell,0.00100000,10.00000000,2014-11-07T22:19:28.578544Z\n"
        "75,buy,0.00200000,10.10000000,2014-11-07T22:19:29.578544Z\n",
        columns=rb.TradeColumns(
            timestamp="time",
            quantity="size",
            agg_trade_id="trade_id",
            side="side",
            side_of="maker",
        ),
        prices=[10.0, 10.1],
        sold=[False, True],
    ),
    "Databento": Published(
        source="databento.com/docs, schema trades, CSV with pretty_px and pretty_ts",
        name="glbx-mdp3-20240808.trades.csv.zst",
        text="ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,"
        "ts_in_delta,sequence\n"
        "2024-08-08T00:00:00.000160,2024-08-08T00:00:00.000001,0,1,42,T,B,0,5210.25,1,0,19,7\n"
        "2024-08-08T00:00:01.000160,2024-08-08T00:00:01.000001,0,1,42,T,A,0,5210.00,3,0,19,8\n",
        columns=rb.TradeColumns(
            timestamp="ts_event", quantity="size", side="side", sell="A", buy="B"
        ),
        prices=[5210.25, 5210.0],
        sold=[False, True],
    ),
    "HistData, quotes without volume": Published(
        source="histdata.com, ASCII tick data quotes, with a header and ISO times",
        name="EURUSD.csv",
        text="timestamp,bid,ask,volume\n"
        "2024-08-08T00:00:00.146,1.09230,1.09234,0\n"
        "2024-08-08T00:00:01.205,1.09231,1.09235,0\n",
        columns=rb.TradeColumns(price="bid", quantity=None),
        prices=[1.0923, 1.09231],
        sold=[None, None],
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_published_file_is_imported_as_it_is(name: str, tmp_path: Path) -> None:
    file = FILES[name]
    path = tmp_path / file.name
    if file.name.endswith(".zst"):
        rows = pl.read_csv(file.text.encode(), infer_schema=False)
        rows.lazy().sink_csv(path, compression="zstd")
    else:
        path.write_bytes(
            gzip.compress(file.text.encode()) if file.name.endswith(".gz") else file.text.encode()
        )

    options: dict[str, Any] = {"source": "venue", "cache_dir": tmp_path / "cache"}
    report = rb.import_trades(path, symbol="S", columns=file.columns, **file.options, **options)

    day = str(report["day"][0])
    ticks = rb.scan_ticks("S", day, day, **options).collect()
    assert ticks["price"].to_list() == file.prices
    assert ticks["is_buyer_maker"].to_list() == file.sold
    if file.columns.quantity is None:
        assert ticks["quantity"].to_list() == [1.0] * len(file.prices)


def test_a_side_that_a_venue_never_wrote_is_refused_with_its_line(tmp_path: Path) -> None:
    file = FILES["OKX"]
    path = tmp_path / file.name
    path.write_text(file.text.replace("buy", "Bid"))

    with pytest.raises(
        rb.QualityError,
        match=r"^column 'side' of .*\.csv is 'Bid' at line 3, expected sell, s, seller, -1 of a "
        r"seller, or buy, b, buyer, 1 of a buyer \(say how both are written: "
        r"columns=TradeColumns\(side='side', sell=\.\.\., buy=\.\.\.\); make it empty or null "
        r"where nobody knows the side\)$",
    ):
        rb.import_trades(
            path,
            symbol="S",
            source="venue",
            columns=file.columns,
            cache_dir=tmp_path / "cache",
            **file.options,
        )


def test_ids_of_pandas_that_are_all_missing_have_a_remedy(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "timestamp": pl.Series([1_723_075_200_000]).cast(pl.Datetime("ms")),
            "price": [1.0],
            "quantity": [1.0],
            "agg_trade_id": [float("nan")],
        }
    )

    with pytest.raises(TypeError) as error:
        rb.import_trades(frame, symbol="S", source="mine", cache_dir=tmp_path)

    assert str(error.value) == (
        "column 'agg_trade_id' is Float64, expected Int64 (cast it first: "
        'pl.col("agg_trade_id").fill_nan(None).cast(pl.Int64))'
    )
    mended = frame.with_columns(pl.col("agg_trade_id").fill_nan(None).cast(pl.Int64))
    report = rb.import_trades(mended, symbol="S", source="mine", cache_dir=tmp_path)
    assert report["rows_after"].to_list() == [1]
    assert rb.bars(mended).height == 0


def test_a_side_of_a_frame_that_is_no_text_is_refused(tmp_path: Path) -> None:
    frame = pl.DataFrame({"timestamp": [0], "price": [1.0], "quantity": [1.0], "side": [1.5]})

    with pytest.raises(TypeError) as error:
        rb.import_trades(
            frame.with_columns(pl.col("timestamp").cast(pl.Datetime("ms"))),
            symbol="S",
            source="mine",
            columns=rb.TradeColumns(side="side"),
            cache_dir=tmp_path,
        )

    assert str(error.value) == ("column 'side' is Float64, expected text of sides (cast it first)")
