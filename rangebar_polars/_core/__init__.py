"""The core: bars of trades, by expression, frame, plan and processor."""
