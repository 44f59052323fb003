"""SQL: views of stored bars and trades, and functions that make bars."""
