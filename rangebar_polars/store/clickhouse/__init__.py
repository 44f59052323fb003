"""A store of bars in ClickHouse."""
