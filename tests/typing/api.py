"""Only type-checked, never run: what a type checker makes of the public functions."""

from typing import assert_type

import duckdb
import polars as pl

import rangebar_polars as rb


def frames(frame: pl.DataFrame, plan: pl.LazyFrame, threshold: int) -> None:
    """Check that a frame gives a frame and a plan a plan."""
    assert_type(rb.bars(frame), pl.DataFrame)
    assert_type(rb.bars(frame, threshold, include_incomplete=True), pl.DataFrame)
    assert_type(rb.bars(plan), pl.LazyFrame)
    assert_type(rb.bars(plan, 250, include_microstructure=True), pl.LazyFrame)
    assert_type(rb.labels.triple_barrier(frame, 250, take_profit=50), pl.DataFrame)
    assert_type(rb.labels.forward_return(plan, 250, horizon=[20, "5m"]), pl.LazyFrame)


def tables(relation: duckdb.DuckDBPyRelation) -> None:
    """Check that tables of other libraries are taken."""
    assert_type(rb.bars(relation), pl.DataFrame)


def schemas(frame: pl.DataFrame, plan: pl.LazyFrame) -> None:
    """Check that schemas are schemas."""
    assert_type(rb.bar_schema(frame.schema), pl.Schema)
    assert_type(rb.bar_schema(plan.collect_schema(), [250, 500], by="symbol"), pl.Schema)
    assert_type(rb.bar_schema({"price": pl.Float64, "quantity": pl.Int64()}), pl.Schema)
    rb.bar_schema(frame)  # type: ignore[arg-type]


def databases(connection: duckdb.DuckDBPyConnection) -> None:
    """Check that connections are connections."""
    assert_type(rb.duckdb.connect(), duckdb.DuckDBPyConnection)
    assert_type(rb.duckdb.register(connection, "bars"), duckdb.DuckDBPyConnection)


def expressions() -> None:
    """Check that expressions are expressions."""
    assert_type(rb.bars_expr(250), pl.Expr)
    assert_type(rb.bar_id(250, prevent_same_timestamp_close=False), pl.Expr)
    assert_type(rb.features.ofi(), pl.Expr)
    assert_type(rb.labels.forward_return_of_bars(20), pl.Expr)
    assert_type(rb.features.duration_us(rb.TradeColumns(timestamp="time")), pl.Expr)


def columns() -> None:
    """Check that names are names."""
    assert_type(rb.TradeColumns(price="px").price, str)
    assert_type(rb.TradeColumns(is_buyer_maker=None).is_buyer_maker, str | None)


def refused(frame: pl.DataFrame) -> None:
    """Check that what is wrong at run time is wrong to a type checker."""
    rb.bars(frame, 250.0)  # type: ignore[call-overload]
    rb.bars(frame, "250")  # type: ignore[arg-type]
    rb.bars([1.0])  # type: ignore[call-overload]
    rb.bars(frame, columns="px")  # type: ignore[call-overload]
    rb.bars_expr(include_incomplete="yes")  # type: ignore[arg-type]
    rb.TradeColumns(price=None)  # type: ignore[arg-type]
