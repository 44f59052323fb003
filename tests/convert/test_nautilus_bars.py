"""Bars in a backtest of NautilusTrader, where it is installed."""

import sys
from importlib import import_module
from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.trades import walk

import rangebar_polars as rb

# The engine ends the whole process at times about 1970.
TRADES = walk(3_000).with_columns(pl.col("timestamp").dt.offset_by("54y"))
BARS = rb.bars(TRADES, [20])


@pytest.fixture
def instrument() -> Any:  # noqa: ANN401
    """Return an instrument of two decimals, with sizes of six."""
    reason = "NautilusTrader is not here (pip install --upgrade 'rangebar-polars[nautilus]')"
    providers = pytest.importorskip("nautilus_trader.test_kit.providers", reason=reason)
    return providers.TestInstrumentProvider.btcusdt_binance()


def backtest(instrument: Any, bars: list[Any], *, bar_execution: bool) -> tuple[int, int]:  # noqa: ANN401
    """Run a strategy that buys at the third bar; return how many bars it saw, and its fills."""
    engines, enums, model, ids, objects = (
        import_module(f"nautilus_trader.{name}")
        for name in (
            "backtest.engine",
            "model.enums",
            "model.data",
            "model.identifiers",
            "model.objects",
        )
    )
    strategies = import_module("nautilus_trader.trading.strategy")
    quiet = import_module("nautilus_trader.config").LoggingConfig(bypass_logging=True)
    cash = objects.Money.from_str("1000000 USDT")

    class BuysTheThird(strategies.Strategy):  # type: ignore[misc, name-defined]
        """Buys at the third bar."""

        seen = 0
        filled = 0

        def on_start(self) -> None:
            """Ask for the bars."""
            self.subscribe_bars(bars[0].bar_type)

        def on_bar(self, _: object) -> None:
            """Count the bar."""
            self.seen += 1
            if self.seen == 3:
                size = instrument.make_qty(0.1)
                self.submit_order(
                    self.order_factory.market(instrument.id, enums.OrderSide.BUY, size)
                )

        def on_order_filled(self, _: object) -> None:
            """Count the fill."""
            self.filled += 1

    engine = engines.BacktestEngine(engines.BacktestEngineConfig(logging=quiet))
    try:
        engine.add_venue(
            ids.Venue("BINANCE"),
            oms_type=enums.OmsType.NETTING,
            account_type=enums.AccountType.CASH,
            base_currency=None,
            starting_balances=[cash],
            bar_execution=bar_execution,
        )
        engine.add_instrument(instrument)
        engine.add_data(bars)
        engine.add_data(
            [
                model.TradeTick(
                    instrument.id,
                    instrument.make_price(price),
                    instrument.make_qty(1.0),
                    enums.AggressorSide.BUYER,
                    ids.TradeId(str(row)),
                    time,
                    time,
                )
                for row, (time, price) in enumerate(
                    TRADES.select(pl.col("timestamp").dt.timestamp("ns"), "price").iter_rows()
                )
            ]
        )
        strategy = BuysTheThird()
        engine.add_strategy(strategy)
        engine.run()
        return strategy.seen, strategy.filled
    finally:
        engine.dispose()


def test_each_bar_becomes_one_with_its_prices_and_its_closing_time(instrument: Any) -> None:  # noqa: ANN401
    converted = rb.FrameNamespace(BARS).to_nautilus(instrument)

    assert len(converted) == BARS.height
    assert str(converted[0].bar_type) == "BTCUSDT.BINANCE-20-RENKO-LAST-EXTERNAL"
    rows = BARS.select("open", "high", "low", "close", "volume").rows()
    assert [
        tuple(map(float, (bar.open, bar.high, bar.low, bar.close, bar.volume))) for bar in converted
    ] == rows
    nanoseconds = BARS["close_time"].dt.timestamp("ns").to_list()
    assert [bar.ts_event for bar in converted] == nanoseconds
    assert [bar.ts_init for bar in converted] == nanoseconds


def test_a_backtest_runs_where_the_venue_does_not_execute_on_bars(instrument: Any) -> None:  # noqa: ANN401
    converted = rb.FrameNamespace(BARS).to_nautilus(instrument)

    seen, filled = backtest(instrument, converted, bar_execution=False)

    assert (seen, filled) == (BARS.height, 1)


def test_a_backtest_ends_at_the_first_bar_where_the_venue_executes_on_bars(
    instrument: Any,  # noqa: ANN401
) -> None:
    converted = rb.FrameNamespace(BARS).to_nautilus(instrument)

    with says(ValueError, "Aggregation not time based, was RENKO"):
        backtest(instrument, converted, bar_execution=True)


def test_another_type_of_bars_is_taken(instrument: Any) -> None:  # noqa: ANN401
    data = pytest.importorskip("nautilus_trader.model.data")
    ticks = data.BarType.from_str("BTCUSDT.BINANCE-100-TICK-LAST-EXTERNAL")

    converted = rb.FrameNamespace(BARS).to_nautilus(instrument, bar_type=ticks)

    assert {bar.bar_type for bar in converted} == {ticks}
    with says(ValueError, "Aggregation not time based, was TICK"):
        backtest(instrument, converted, bar_execution=True)


def test_a_price_of_more_decimals_than_the_instrument_is_refused(instrument: Any) -> None:  # noqa: ANN401
    finer = BARS.with_columns(pl.col("close") + 0.001)
    price = finer["close"][0]

    with says(
        ValueError,
        f"close of bar 0 is {price}: expected at most 2 decimals, the price_precision of the "
        "instrument (give an instrument of more)",
    ):
        rb.FrameNamespace(finer).to_nautilus(instrument)


def test_without_nautilus_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == "nautilus_trader"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "nautilus_trader", None)

    with says(
        ModuleNotFoundError,
        "to_nautilus needs nautilus_trader (pip install --upgrade 'rangebar-polars[nautilus]')",
    ):
        rb.FrameNamespace(BARS).to_nautilus(None)
