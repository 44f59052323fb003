"""The bar store of a team: a database on a ClickHouse server.

Neither an insert nor a merge is atomic there. A write puts its rows into `bars` under its own
random batch id, and writes the row of `coverage` that names the batch last, so a month appears
whole or not at all. A read queries one batch and checks its rows. A writer deletes only the batches
that its own write replaced: deleting batches that coverage does not name would race with a writer
that is about to name one.

The view `current_bars` shows the same bars to SQL: those of the batches that coverage names.
"""

import datetime as dt
import json
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from typing import Final

import polars as pl
from urllib3 import exceptions as http

from rangebar_polars._disk.fingerprint import checksums
from rangebar_polars._extras import extra
from rangebar_polars.errors import StoreError
from rangebar_polars.schema import RULE, stored_schema
from rangebar_polars.store.bar_key import KEY_SCHEMA, BarKey
from rangebar_polars.store.bar_store import BarStore, siblings_among
from rangebar_polars.store.chain import StoredMonth
from rangebar_polars.store.clickhouse.address import (
    AGAIN,
    NO_DATABASE,
    NO_TABLE,
    Address,
    connect,
    explained,
    refuse_password,
)
from rangebar_polars.store.clickhouse.tables import (
    COLUMNS_OF_TABLES,
    DELETE,
    ENGINES,
    EXTRAS,
    FIND,
    INDEXES,
    READ,
    REMOVE,
    SCHEMA_VERSION,
    SIBLINGS,
    STATE,
    TABLES,
    VIEW,
)

OLDEST_SERVER: Final = (24, 3)
# A server splits an insert of about twice as many rows into parts, and a crash may keep only some.
INSERT_ROWS: Final = 500_000
CONNECTIONS: Final = 16
# Seconds between checks: another process may be removing this chain, bars first, then coverage.
LOOKS: Final = (0.0, 0.1, 0.4, 1.0)


class ClickHouseStore(BarStore):
    """Bars in a database on a ClickHouse server, for many writers and readers at once.

    The database and its tables are created at the first use. Reading needs the privilege SELECT on
    them, and writing also INSERT and ALTER DELETE. Any number of threads may share a store; a
    forked process must open its own.

    Parameters
    ----------
    url
        ``"clickhouse://user:password@host:port/database"``, by default with user ``default``, port
        8123 and database ``rangebar``. With ``clickhouses://`` the connection is encrypted, and
        the default port is 8443. ``"clickhouse://"`` stands for the URL in ``CLICKHOUSE_URL``.

    Raises
    ------
    ValueError
        The URL has another form.
    ModuleNotFoundError
        clickhouse-connect is not installed.
    StoreError
        The server cannot be reached, refuses the user or is too old, or the database has tables
        with another version or other columns.

    Examples
    --------
    >>> ClickHouseStore("clickhouse://localhost:http")
    Traceback (most recent call last):
    ValueError: the URL of the store is not of the form
    clickhouse://user:password@host:port/database (percent-encode / ? # and % in user and password)
    """

    def __init__(self, url: str) -> None:
        self._at, self._given = Address.parse(url), url
        exceptions, httputil = (
            extra(
                f"clickhouse_connect.driver.{name}",
                needed_by="a store in ClickHouse",
                name="clickhouse",
            )
            for name in ("exceptions", "httputil")
        )
        self._failures = (
            exceptions.ClickHouseError,
            http.HTTPError,
            OSError,
            pl.exceptions.PolarsError,
        )
        self._pool = httputil.get_pool_manager(maxsize=CONNECTIONS)
        try:
            with self._doing("connecting"):
                self._client = connect(self._at, self._pool)
            self._open()
        except BaseException:
            self.close()
            raise

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the URL, which opens the store again; refuse a URL with a password."""
        refuse_password(self._given)
        return type(self), (self._given,)

    def __repr__(self) -> str:
        return f"ClickHouseStore({self.url!r})"

    @property
    def url(self) -> str:
        """Server and database, without the password."""
        return self._at.url()

    @property
    def address(self) -> str:
        """Server and database, with the password."""
        return self._at.url(self._at.password)

    def keys(self) -> list[BarKey]:
        """Return the chains that have a month in `coverage`."""
        rows = self._fetch("listing chains", "SELECT DISTINCT key FROM coverage ORDER BY key")
        keys = (BarKey.from_path(path) for path in rows["key"])
        return [key for key in keys if key is not None]

    def siblings(self, key: BarKey) -> list[BarKey]:
        """Return the chains of the same rule that have a month; see `BarStore.siblings`."""
        beginning = key.path[: key.path.index("/origin=") + 1]
        doing = f"listing chains of {key.label}"
        rows = self._fetch(doing, SIBLINGS, beginning=beginning)
        keys = (BarKey.from_path(path) for path in rows["key"])
        return siblings_among(filter(None, keys), key)

    def find(
        self, key: BarKey, months: Iterable[dt.date] | None = None
    ) -> dict[dt.date, StoredMonth]:
        """Return the stored months of a chain; see `BarStore.find`."""
        wanted = [] if months is None else list(months)
        if months is not None and not wanted:
            return {}
        found = dict[dt.date, StoredMonth]()
        rows = self._fetch(f"looking for {key.label}", FIND, key=key.path, months=wanted)
        for month, batch, links, sums in rows.iter_rows():
            try:
                found[month] = StoredMonth.from_json(links, sums=sums, version=str(batch))
            except (KeyError, TypeError, ValueError) as error:
                doing = f"reading {month:%Y-%m} of {key.label}"
                raise self._error(doing, str(error), AGAIN) from error
        return found

    def read(self, key: BarKey, month: StoredMonth, columns: Sequence[str]) -> pl.DataFrame | None:
        """Return columns of the bars of a month; see `BarStore.read`."""
        doing = f"reading {month.month:%Y-%m} of {key.label}"
        names = {f"column{place}": name for place, name in enumerate(columns)}
        dtypes = stored_schema(key.statistics)
        wanted = ", ".join(f"{{{name}:Identifier}}" for name in names)
        bars = self._fetch(
            doing,
            f"SELECT {wanted} {READ}",
            # A truncated answer is detected by its rows, so the server need not buffer it.
            {"wait_end_of_query": 0},
            **_of(key),
            batch=int(month.version),
            **names,
        ).cast({name: dtypes[name] for name in columns})
        damage = month.damage(bars)
        if damage is None:
            return bars
        for wait in LOOKS:
            time.sleep(wait)
            current = self.find(key, [month.month]).get(month.month)
            if current is None or current.version != month.version:
                return None
        raise self._error(doing, damage, AGAIN)

    def write(self, key: BarKey, month: StoredMonth, bars: pl.DataFrame) -> None:
        """Store a month; see `BarStore.write`."""
        if self._holds(key, month):
            return
        doing = f"writing {month.month:%Y-%m} of {key.label}"
        batch = secrets.randbits(64)
        try:
            self._put_bars(doing, key, batch, bars)
        except BaseException:
            with suppress(StoreError):
                self._delete(doing, "bars", key, [batch])
            raise
        # Another writer may have stored the month in the meantime.
        if self._holds(key, month):
            self._delete(doing, "bars", key, [batch])
            return
        _, known = self._state(doing, key, month, batch)
        named = replace(month, checksums=checksums(bars))
        self._name(doing, key, named, batch=batch, previous=max(known.values(), default=0))
        there, now = self._state(doing, key, month, batch)
        latest = max(now.values(), default=0)
        if there != bars.height and now.get(batch) == latest:
            self._delete(doing, "coverage", key, [batch])
            reason = f"{there} of {bars.height} bars are there"
            raise self._error(doing, reason, "the chain was removed meanwhile: write it again")
        # If two batches have the same version, either may be current, so neither is deleted.
        known = {**known, batch: 0, **now}
        superseded = [each for each, version in known.items() if version < latest]
        self._delete(doing, "bars", key, superseded)

    def remove(self, key: BarKey) -> None:
        """Remove a chain, including rows that killed writers left; see `BarStore.remove`."""
        # Coverage is deleted again last, in case a writer added a row after the first delete.
        for table in ("coverage", "bars", "coverage"):
            self._run(f"removing {key.label}", REMOVE, table=table, **_of(key))

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()
        # The driver would keep every pool that it has seen until the process ends.
        import_module("clickhouse_connect.driver.httputil").all_managers.pop(self._pool, None)

    def _open(self) -> None:
        """Create the database and tables if they are absent; refuse them if they are different."""
        database = self._at.database
        doing = f"opening database {database}"
        version = self._client.server_version or ""
        if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST_SERVER:
            oldest = ".".join(map(str, OLDEST_SERVER))
            reason = f"the server is ClickHouse {version}, expected {oldest} or newer"
            raise self._error(doing, reason, "update the server")
        schema = self._schema_version(doing)
        if schema not in {None, 0, SCHEMA_VERSION}:
            reason = f"it has schema version {schema}, expected {SCHEMA_VERSION}"
            remedy = "use the version of rangebar-polars that made it, or another database"
            raise self._error(doing, reason, remedy)
        creating = f"creating database {database}"
        if schema is None:
            with self._doing(creating):
                create, name = "CREATE DATABASE IF NOT EXISTS {name:Identifier}", {"name": database}
                self._client.command(create, name, use_database=False)
        rows = self._fetch(doing, COLUMNS_OF_TABLES, database=database, tables=list(TABLES)).rows()
        for table in {table for table, _, _ in rows}:
            expected = TABLES[table]
            got = {name: kind for of, name, kind in rows if of == table}
            for name in {**expected, **got}:
                if got.get(name) != expected.get(name):
                    reason = (
                        f"column {name} of table {table} is {got.get(name, 'absent')}, "
                        f"expected {expected.get(name, 'absent')}"
                    )
                    raise self._error(doing, reason, "choose another database")
        if not schema or {table for table, _, _ in rows} != TABLES.keys():
            self._create_tables(creating)

    def _schema_version(self, doing: str) -> int | None:
        """Return the version of the tables; 0 without tables, None without a database."""
        try:
            schema: int = self._fetch(doing, "SELECT max(schema) FROM store_version").item()
        except StoreError as error:
            code = getattr(error.__cause__, "code", None)
            if code not in {NO_TABLE, NO_DATABASE}:
                raise
            return 0 if code == NO_TABLE else None
        return schema

    def _create_tables(self, doing: str) -> None:
        for table, types in TABLES.items():
            columns = ", ".join(
                f"{name} {kind}{EXTRAS.get(name, '')}" for name, kind in types.items()
            )
            columns += INDEXES.get(table, "")
            self._run(
                doing, f"CREATE TABLE IF NOT EXISTS {table} ({columns}) ENGINE = {ENGINES[table]}"
            )
        self._run(doing, VIEW)
        # Written last, so that a database with a version has everything else.
        self._run(doing, "INSERT INTO store_version SELECT {schema:UInt32}", schema=SCHEMA_VERSION)

    def _holds(self, key: BarKey, month: StoredMonth) -> bool:
        try:
            stored = self.find(key, [month.month]).get(month.month)
        except StoreError:
            # An unreadable month is replaced; if the server is down, the next step fails.
            return False
        return stored is not None and stored.holds(month)

    def _put_bars(self, doing: str, key: BarKey, batch: int, bars: pl.DataFrame) -> None:
        of_batch = [
            pl.lit(key.series.symbol, pl.Enum([key.series.symbol])).alias("symbol"),
            pl.lit(str(key.rule), pl.Enum([str(key.rule)])).alias(RULE),
            pl.lit(key.path, pl.Enum([key.path])).alias("key"),
            pl.lit(batch, pl.UInt64).alias("batch"),
        ]
        for start in range(0, bars.height, INSERT_ROWS):
            piece = bars[start : start + INSERT_ROWS].select(*stored_schema(key.statistics))
            rows = piece.with_row_index("ordinal", start).select(*of_batch, pl.all())
            self._insert(doing, "bars", rows, f"{batch}-{start}")

    def _name(
        self, doing: str, key: BarKey, month: StoredMonth, *, batch: int, previous: int
    ) -> None:
        """Insert the row that makes a batch the current version of a month."""
        row = {
            "key": key.path,
            "month": month.month,
            **key.values,
            "rule_version": key.version,
            "first_day": month.links[0].day,
            "last_day": month.links[-1].day,
            "batch": batch,
            "rows": month.bar_count,
            "links": month.to_json(),
            "checksums": json.dumps(dict(month.checksums)),
            "previous": previous,
        }
        dtypes = pl.Schema({**KEY_SCHEMA, "batch": pl.UInt64()})
        self._insert(doing, "coverage", pl.DataFrame([row], schema_overrides=dtypes), str(batch))

    def _insert(self, doing: str, table: str, rows: pl.DataFrame, token: str) -> None:
        # The newest format has types that servers cannot read.
        stream = rows.write_ipc_stream(None, compat_level=pl.CompatLevel.oldest())
        with self._doing(doing):
            self._client.raw_insert(
                table,
                column_names=rows.columns,
                insert_block=stream.getvalue(),
                # With asynchronous inserts a server answers before the rows are stored.
                settings={"async_insert": 0, "insert_deduplication_token": token},
                fmt="ArrowStream",
            )

    def _state(
        self, doing: str, key: BarKey, month: StoredMonth, batch: int
    ) -> tuple[int, dict[int, int]]:
        """Return the number of rows of a batch, and the versions of the month by batch."""
        state = self._fetch(doing, STATE, **_of(key), month=month.month, batch=batch)
        there, versions, batches = state.row(0)
        return there, {
            each: version for version, each in sorted(zip(versions, batches, strict=True))
        }

    def _delete(self, doing: str, table: str, key: BarKey, batches: list[int]) -> None:
        if batches:
            self._run(doing, DELETE, table=table, **_of(key), batches=batches)

    def _fetch(
        self, doing: str, sql: str, settings: dict[str, int] | None = None, /, **parameters: object
    ) -> pl.DataFrame:
        with self._doing(doing):
            return pl.read_ipc_stream(
                self._client.raw_query(sql, parameters, settings, fmt="ArrowStream")
            )

    def _run(self, doing: str, sql: str, **parameters: object) -> None:
        with self._doing(doing):
            self._client.command(sql, parameters)

    @contextmanager
    def _doing(self, doing: str) -> Iterator[None]:
        try:
            yield
        except self._failures as error:
            raise self._error(doing, *explained(error, self._at.user)) from error

    def _error(self, doing: str, reason: str, remedy: str) -> StoreError:
        return StoreError(f"ClickHouse at {self._at.place}: {doing} failed: {reason} ({remedy})")


def _of(key: BarKey) -> dict[str, object]:
    """Return the parameters that select the rows of a chain."""
    return {
        "symbol": key.series.symbol,
        "rule": str(key.rule),
        "key": key.path,
    }
