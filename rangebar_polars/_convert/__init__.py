"""Bars as the tables of other libraries: pandas, backtesting.py, NautilusTrader, Arrow."""
