"""From trades to a backtest with a plot, as a marimo notebook; `backtest.ipynb` is the same.

Run it as a script, or open it with ``marimo edit examples/backtest_marimo.py``. It needs
``pip install marimo 'rangebar-polars[backtesting,plot]'``.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")

with app.setup:
    from pathlib import Path

    import marimo as mo
    import polars as pl
    from backtesting import Backtest, Strategy

    import rangebar_polars as rb

    SAMPLE = Path(__file__).with_name("btcusdt-trades.parquet")
    CASH = 1_000_000
    TAKER_FEE = 0.001


@app.cell(hide_code=True)
def _():
    mo.md("""
    # From trades to a backtest

    Eleven minutes of BTCUSDT on Binance spot become range bars, the bars are checked and drawn,
    and backtesting.py runs a rule over them. **It illustrates how the parts fit together and is no
    advice: with fees, the rule loses money.** It needs
    `pip install 'rangebar-polars[backtesting,plot]'`.

    ## Trades to bars

    The trades are a plan: Polars reads the file when the bars are collected. A bar ends when the
    price is 0.025 % away from its open, which is 25 decimal basis points.
    """)
    return


@app.cell
def _():
    trades = pl.scan_parquet(SAMPLE)
    bars = trades.rangebar.bars(25, include_microstructure=True).collect()  # type: ignore[attr-defined]  # a namespace
    bars.select("close_time", "open", "high", "low", "close", "volume", "ofi").head()
    return bars, trades


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## Are the bars right?

    Each trade must be in one bar, each bar must end at its threshold, and each feature must be
    what its formula makes of the other columns. The next cell raises an error if a check fails.
    """)
    return


@app.cell
def _(bars, trades):
    rb.validate_tier1(bars, trades, threshold_decimal_bps=25).raise_if_failed()
    return


@app.cell
def _(bars):
    bars.rangebar.plot(units={"price": "USDT", "volume": "BTC"})
    return


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## A rule

    `ofi` is the order flow imbalance of a bar, from -1 (all sells) to 1 (all buys). The rule buys
    after a bar above 0.2 and sells after a bar below -0.2. It never goes short, as the market is
    spot. The limit of 0.2 was not fitted to these trades.

    An order is given when a bar closes and is filled at the first trade of the next bar, so the
    rule does not look ahead. Slippage and the depth of the book are left out, which flatters it.
    """)
    return


@app.class_definition
class FollowsTheFlow(Strategy):  # type: ignore[misc]  # it has no types
    """Long after a bar of buying, flat after a bar of selling."""

    limit = 0.2

    def init(self) -> None:
        """Take the order flow imbalance from the bars."""
        self.flow = self.I(lambda: self.data.ofi, name="ofi")

    def next(self) -> None:
        """Act on the bar that just closed."""
        if self.flow[-1] > self.limit and not self.position:
            self.buy()
        elif self.flow[-1] < -self.limit:
            self.position.close()


@app.cell(hide_code=True)
def _():
    mo.md("""
    The rule runs twice: without costs, and with the 0.1 % that Binance asks of a taker on spot
    without a discount, for each fill.
    """)
    return


@app.cell
def _(bars):
    frame = bars.rangebar.to_backtesting()
    runs = {
        name: Backtest(frame, FollowsTheFlow, cash=CASH, commission=fee, finalize_trades=True).run()
        for name, fee in {"without_fee": 0.0, "with_fee": TAKER_FEE}.items()
    }
    equity = bars.with_columns(
        pl.Series(name, run["_equity_curve"]["Equity"].to_numpy()) for name, run in runs.items()
    )
    return equity, runs


@app.cell
def _(equity):
    equity.rangebar.plot(
        panes=["ofi", "without_fee", "with_fee"],
        units={"price": "USDT", "without_fee": "USDT", "with_fee": "USDT"},
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## What is it worth?

    The Sharpe ratio of a year is that of the returns from bar to bar, times the root of
    `rb.bars_per_year`. Its standard error (Lo 2002, for independent returns) says how much of it
    is chance.
    """)
    return


@app.cell
def _(bars, equity, runs):
    bars_a_year = rb.bars_per_year(bars)
    results = pl.concat(
        equity.select(
            run=pl.lit(name),
            trades=pl.lit(run["# Trades"]),
            won_percent=pl.lit(run["Win Rate [%]"]),
            return_percent=(pl.col(name).last() / CASH - 1) * 100,
            sharpe=pl.col(name).pct_change().mean() / pl.col(name).pct_change().std(),
            returns=pl.col(name).pct_change().count(),
        )
        for name, run in runs.items()
    ).select(
        "run",
        "trades",
        pl.col("won_percent", "return_percent").round(2),
        sharpe_of_a_year=(pl.col("sharpe") * bars_a_year**0.5).round(0),
        standard_error=((1 + pl.col("sharpe") ** 2 / 2) / pl.col("returns") * bars_a_year)
        .sqrt()
        .round(0),
    )
    print(results)
    return


@app.cell(hide_code=True)
def _():
    mo.md("""
    Without costs the ratio is well within its standard error of zero: eleven minutes cannot show
    that the rule works. To buy and to sell costs 0.2 %, as much as eight bars are high, so with
    the fee every trade loses. A serious test takes months of trades, wider bars, costs from the
    start, and trades that the rule has not seen.
    """)
    return


if __name__ == "__main__":
    app.run()
