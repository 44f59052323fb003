"""Fixtures of the tests of SQL: a cache of two symbols, and a connection of DuckDB to it."""

from support.duckdb_cache import connection, sql_cache  # noqa: F401 - pytest finds fixtures here
