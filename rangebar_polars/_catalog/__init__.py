"""Trades and bars of days: what composes archive, tick cache and bar store."""
