"""The bar store of a team: a database on a ClickHouse server.

Neither an insert nor a merge is the unit of truth there. A write puts its rows into `bars` under a
random batch of its own; the row of `coverage` that names the batch comes last, so that a month
appears whole or not at all. A read asks for one batch and counts its rows. Superseded batches are
deleted by who knows them as superseded: to delete what coverage does not name would race with a
writer who is about to name it.

The view `current_bars` shows the same to SQL: the bars of the batches that coverage names. Who
changes the tables changes `SCHEMA_VERSION`.
"""

import datetime as dt
import logging
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote, unquote

import polars as pl
from urllib3 import PoolManager
from urllib3 import exceptions as http

from rangebar_polars.errors import StoreError
from rangebar_polars.schema import BAR_SCHEMA, COLUMNS, IS_COMPLETE
from rangebar_polars.store.bar_store import BarStore
from rangebar_polars.store.chain import BarKey, StoredMonth

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

SCHEMA_VERSION: Final = 1
"""The version of the tables, which the database tells."""

OLDEST_SERVER: Final = (24, 3)
# A server cuts what has about twice as many into several parts, of which some may survive it.
INSERT_ROWS: Final = 500_000
CONNECT_SECONDS: Final = 10
ANSWER_SECONDS: Final = 300
CONNECTIONS: Final = 16
# Seconds: whoever removes a chain takes bars that are being named, and then their names.
LOOKS: Final = (0.0, 0.1, 0.4, 1.0)

_BAR_TYPES: Final = {
    column.name: f"Nullable({kind})" if column.null_when else kind
    for column in COLUMNS
    for kind in [column.dtype.replace("as the input", "DateTime64(6, 'UTC')")]
} | {IS_COMPLETE: "Bool"}
_KEY_TYPES: Final = {
    "source": "LowCardinality(String)",
    "market": "LowCardinality(String)",
    "symbol": "LowCardinality(String)",
    "threshold_decimal_bps": "Int64",
    "prevent_same_timestamp_close": "Bool",
    "reset": "LowCardinality(Nullable(String))",
    "origin": "Nullable(Date32)",
    "rule_version": "UInt32",
}
_TABLES: Final = {
    "bars": {
        "key": "LowCardinality(String)",
        "batch": "UInt64",
        "ordinal": "UInt32",
        **_BAR_TYPES,
    },
    "coverage": {
        "key": "LowCardinality(String)",
        "month": "Date32",
        **_KEY_TYPES,
        "first_day": "Date32",
        "last_day": "Date32",
        "batch": "UInt64",
        "rows": "UInt64",
        "links": "String",
        "previous": "UInt64",
        "version": "UInt64",
    },
    "store_version": {"schema": "UInt32"},
}
_EXTRAS: Final = {
    "previous": " EPHEMERAL",
    # By the clock of the server, and never before what it follows, should that be set back.
    "version": " DEFAULT greatest(toUInt64(toUnixTimestamp64Nano(now64(9))), previous + 1)",
}
# What is acknowledged outlives a power cut, and an insert that is sent again counts once.
_KEPT: Final = (
    "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, "
    "non_replicated_deduplication_window = 10000"
)
_ENGINES: Final = {
    "bars": f"MergeTree ORDER BY (key, batch, ordinal) {_KEPT}",
    "coverage": f"ReplacingMergeTree(version) ORDER BY (key, month) {_KEPT}",
    "store_version": "ReplacingMergeTree ORDER BY schema",
}
_SHOWN: Final = [f"named.{name} AS {name}" for name in _KEY_TYPES] + [
    f"bars.{name} AS {name}" for name in [*_BAR_TYPES, "ordinal"]
]
_VIEW: Final = f"""
CREATE VIEW IF NOT EXISTS current_bars AS SELECT {", ".join(_SHOWN)}
FROM bars INNER JOIN (SELECT * FROM coverage FINAL) AS named
ON bars.key = named.key AND bars.batch = named.batch
"""  # noqa: S608 - names of this module

_FIND: Final = """
SELECT month, batch, links FROM coverage FINAL WHERE key = {key:String}
AND (empty({months:Array(Date32)}) OR has({months:Array(Date32)}, month)) ORDER BY month
"""
_READ: Final = """
FROM bars WHERE key = {key:String} AND batch = {batch:UInt64} ORDER BY ordinal
"""
# A server counts the rows first: a batch that is current after they are found gone is damaged.
_STATE: Final = """
WITH (SELECT count() FROM bars WHERE key = {key:String} AND batch = {batch:UInt64}) AS there
SELECT there, groupArray(version), groupArray(batch) FROM coverage
WHERE key = {key:String} AND month = {month:Date32}
"""
_DELETE: Final = """
DELETE FROM {table:Identifier} WHERE key = {key:String} AND batch IN {batches:Array(UInt64)}
"""
_REMOVE: Final = "DELETE FROM {table:Identifier} WHERE key = {key:String}"
_COLUMNS: Final = """
SELECT table, name, type FROM system.columns
WHERE database = {database:String} AND has({tables:Array(String)}, table)
"""

_FORM: Final = "clickhouse://user:password@host:port/database"
_URL: Final = re.compile(
    r"(?P<scheme>clickhouses?)://"
    r"(?:(?P<user>[^:/?#]*)(?::(?P<password>[^/?#]*))?@)?"
    r"(?P<host>[\w.-]+|\[[\da-fA-F:.]+\])(?::(?P<port>\d{1,5}))?(?:/(?P<database>[\w.-]*))?"
)
_PORTS: Final = {"clickhouse": 8123, "clickhouses": 8443}

_SAID: Final = re.compile(
    r"(?:DB::\w+|server response): (?!Code:)(.+?)(?:\.? \([A-Z_]+\))?$", re.MULTILINE
)
_SOME_COLUMNS: Final = re.compile(r"\(\w+(?:, \w+)+\)")
_NO_TABLE, _NO_DATABASE = 60, 81
_WHO: Final = frozenset({192, 193, 194, 516})
_RIGHTS: Final = frozenset({164, 497})
_AGAIN: Final = "remove the chain, and its bars are computed again"
_LOOK: Final = "see the server's log, and try again"
_BROKEN: Final[tuple[tuple[type[http.HTTPError], str, str], ...]] = (
    (http.NameResolutionError, "no such host", "correct the host"),
    (http.NewConnectionError, "no connection", "start the server, or correct host and port"),
    (http.ConnectTimeoutError, "no connection", "start the server, or correct host and port"),
    (http.ReadTimeoutError, "no answer", _LOOK),
    (http.SSLError, "no TLS", "correct port or certificate; clickhouse:// is without TLS"),
    (http.HTTPError, "the connection broke", "see whether the server is up, and try again"),
)
_SILENCE: Final = logging.NullHandler()


@dataclass(frozen=True, kw_only=True)
class Address:
    """A database on a server, and who asks.

    Examples
    --------
    >>> Address.parse("clickhouse://jo:p%40ss@db").url()
    'clickhouse://jo@db:8123/rangebar'
    """

    scheme: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL. What is wrong with one is not quoted: there is a password in it."""
        name = "the URL of the store"
        if url in {"clickhouse://", "clickhouses://"}:
            name, url = "CLICKHOUSE_URL", os.environ.get("CLICKHOUSE_URL", "")
            if not url:
                raise ValueError(f"CLICKHOUSE_URL is not set (set it to {_FORM})")
        parts = _URL.fullmatch(url)
        port = int(parts["port"] or _PORTS[parts["scheme"]]) if parts else 0
        if parts is None or not 0 < port < 1 << 16:
            raise ValueError(
                f"{name} is not of the form {_FORM} (percent-encode / ? # and % in user and "
                "password)"
            )
        return cls(
            scheme=parts["scheme"],
            host=parts["host"].strip("[]"),
            port=port,
            user=unquote(parts["user"] or "default"),
            password=unquote(parts["password"] or ""),
            database=parts["database"] or "rangebar",
        )

    @property
    def place(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def url(self, password: str = "") -> str:
        """Return what `parse` reads, by default without the password."""
        who = quote(self.user, safe="") + (password and f":{quote(password, safe='')}")
        return f"{self.scheme}://{who}@{self.place}/{self.database}"


class ClickHouseStore(BarStore):
    """Bars in a database on a ClickHouse server, for many writers and readers at once.

    Database and tables are made by the first who needs them. Reading takes the right SELECT on
    them, writing INSERT and ALTER DELETE too. One store serves any number of threads; a forked
    process opens its own.

    Parameters
    ----------
    url
        ``"clickhouse://user:password@host:port/database"``, by default of user ``default``, port
        8123 and database ``rangebar``; with ``clickhouses://`` encrypted, and of port 8443.
        ``"clickhouse://"`` is what ``CLICKHOUSE_URL`` says.

    Raises
    ------
    ValueError
        The URL has another form.
    ModuleNotFoundError
        clickhouse-connect is not installed.
    StoreError
        The server cannot be reached, refuses the user or is too old, or the database has tables
        of another version or form.

    Examples
    --------
    >>> ClickHouseStore("clickhouse://localhost:http")
    Traceback (most recent call last):
    ValueError: the URL of the store is not of the form
    clickhouse://user:password@host:port/database (percent-encode / ? # and % in user and password)
    """

    def __init__(self, url: str) -> None:
        self._at = Address.parse(url)
        try:
            from clickhouse_connect.driver import exceptions, httputil  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "bars in ClickHouse need clickhouse-connect "
                "(pip install 'rangebar-polars[clickhouse]')"
            ) from error
        self._failures = (
            exceptions.ClickHouseError,
            http.HTTPError,
            OSError,
            pl.exceptions.PolarsError,
        )
        self._pool = httputil.get_pool_manager(maxsize=CONNECTIONS)
        try:
            with self._doing("connecting"):
                self._client = _connect(self._at, self._pool)
            self._open()
        except BaseException:
            self.close()
            raise

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
        """Return the chains of which coverage names a month."""
        rows = self._fetch("listing chains", "SELECT DISTINCT key FROM coverage ORDER BY key")
        keys = (BarKey.from_path(path) for path in rows["key"])
        return [key for key in keys if key is not None]

    def find(
        self, key: BarKey, months: Iterable[dt.date] | None = None
    ) -> dict[dt.date, StoredMonth]:
        """Return what is stored of a chain; see `BarStore.find`."""
        wanted = [] if months is None else list(months)
        if months is not None and not wanted:
            return {}
        found = dict[dt.date, StoredMonth]()
        rows = self._fetch(f"looking for {key.label}", _FIND, key=key.path, months=wanted)
        for month, batch, links in rows.iter_rows():
            try:
                found[month] = StoredMonth.from_json(links, token=str(batch))
            except (KeyError, TypeError, ValueError) as error:
                doing = f"reading {month:%Y-%m} of {key.label}"
                raise self._error(doing, str(error), _AGAIN) from error
        return found

    def read(self, key: BarKey, month: StoredMonth, columns: Sequence[str]) -> pl.DataFrame | None:
        """Return columns of the bars of a month; see `BarStore.read`."""
        doing = f"reading {month.month:%Y-%m} of {key.label}"
        names = {f"column{place}": name for place, name in enumerate(columns)}
        wanted = ", ".join(f"{{{name}:Identifier}}" for name in names)
        bars = self._fetch(
            doing,
            f"SELECT {wanted} {_READ}",
            # An answer that breaks off is told by its rows: it need not wait for its end.
            {"wait_end_of_query": 0},
            key=key.path,
            batch=int(month.token),
            **names,
        ).cast({name: BAR_SCHEMA[name] for name in columns})
        if bars.height == month.bars:
            return bars
        for wait in LOOKS:
            time.sleep(wait)
            current = self.find(key, [month.month]).get(month.month)
            if current is None or current.token != month.token:
                return None
        reason = f"it has {bars.height} bars, expected {month.bars}"
        raise self._error(doing, reason, _AGAIN)

    def write(self, key: BarKey, month: StoredMonth, bars: pl.DataFrame) -> None:
        """Put a month in its place; see `BarStore.write`."""
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
        # Others may have been quicker.
        if self._holds(key, month):
            self._delete(doing, "bars", key, [batch])
            return
        _, known = self._state(doing, key, month, batch)
        self._name(doing, key, month, batch=batch, previous=max(known.values(), default=0))
        there, now = self._state(doing, key, month, batch)
        latest = max(now.values(), default=0)
        if there != bars.height and now.get(batch) == latest:
            self._delete(doing, "coverage", key, [batch])
            reason = f"{there} of {bars.height} bars are there"
            raise self._error(doing, reason, "the chain was removed meanwhile: write it again")
        # Of two of one version either may be current: neither is superseded.
        known = {**known, batch: 0, **now}
        superseded = [each for each, version in known.items() if version < latest]
        self._delete(doing, "bars", key, superseded)

    def remove(self, key: BarKey) -> None:
        """Remove a chain, and what killed writers left of it; see `BarStore.remove`."""
        # Whoever names bars that go with the second step is undone by the third, or counts them.
        for table in ("coverage", "bars", "coverage"):
            self._run(f"removing {key.label}", _REMOVE, table=table, key=key.path)

    def close(self) -> None:
        """Let connections go."""
        self._pool.clear()
        # The driver would hold every pool it has seen until the process ends.
        import_module("clickhouse_connect.driver.httputil").all_managers.pop(self._pool, None)

    def _open(self) -> None:
        """Make what is absent, and refuse what is not as it should be."""
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
        rows = self._fetch(doing, _COLUMNS, database=database, tables=list(_TABLES)).rows()
        for table in {table for table, _, _ in rows}:
            expected = _TABLES[table]
            got = {name: kind for of, name, kind in rows if of == table}
            for name in {**expected, **got}:
                if got.get(name) != expected.get(name):
                    reason = (
                        f"column {name} of table {table} is {got.get(name, 'absent')}, "
                        f"expected {expected.get(name, 'absent')}"
                    )
                    raise self._error(doing, reason, "choose another database")
        if not schema or {table for table, _, _ in rows} != _TABLES.keys():
            self._create_tables(creating)

    def _schema_version(self, doing: str) -> int | None:
        """Return the version of the tables, 0 where they are not yet made, None of no database."""
        try:
            schema: int = self._fetch(doing, "SELECT max(schema) FROM store_version").item()
        except StoreError as error:
            code = getattr(error.__cause__, "code", None)
            if code not in {_NO_TABLE, _NO_DATABASE}:
                raise
            return 0 if code == _NO_TABLE else None
        return schema

    def _create_tables(self, doing: str) -> None:
        for table, types in _TABLES.items():
            columns = ", ".join(
                f"{name} {kind}{_EXTRAS.get(name, '')}" for name, kind in types.items()
            )
            self._run(
                doing, f"CREATE TABLE IF NOT EXISTS {table} ({columns}) ENGINE = {_ENGINES[table]}"
            )
        self._run(doing, _VIEW)
        # Last: who finds a version finds all the rest.
        self._run(doing, "INSERT INTO store_version SELECT {schema:UInt32}", schema=SCHEMA_VERSION)

    def _holds(self, key: BarKey, month: StoredMonth) -> bool:
        try:
            stored = self.find(key, [month.month]).get(month.month)
        except StoreError:
            # What cannot be read is to be replaced; a server that is gone fails the next step.
            return False
        return stored is not None and stored.holds(month)

    def _put_bars(self, doing: str, key: BarKey, batch: int, bars: pl.DataFrame) -> None:
        of_batch = [
            pl.lit(key.path, pl.Enum([key.path])).alias("key"),
            pl.lit(batch, pl.UInt64).alias("batch"),
        ]
        for start in range(0, bars.height, INSERT_ROWS):
            piece = bars[start : start + INSERT_ROWS].select(*BAR_SCHEMA)
            rows = piece.with_row_index("ordinal", start).select(*of_batch, pl.all())
            self._insert(doing, "bars", rows, f"{batch}-{start}")

    def _name(
        self, doing: str, key: BarKey, month: StoredMonth, *, batch: int, previous: int
    ) -> None:
        """Put in the row that makes a batch the current version of a month."""
        row = {
            "key": key.path,
            "month": month.month,
            **key.values,
            "rule_version": key.version,
            "first_day": month.links[0].day,
            "last_day": month.links[-1].day,
            "batch": batch,
            "rows": month.bars,
            "links": month.to_json(),
            "previous": previous,
        }
        dtypes = {"reset": pl.String, "origin": pl.Date, "batch": pl.UInt64}
        self._insert(doing, "coverage", pl.DataFrame([row], schema_overrides=dtypes), str(batch))

    def _insert(self, doing: str, table: str, rows: pl.DataFrame, token: str) -> None:
        # The newest form has types that servers do not read.
        stream = rows.write_ipc_stream(None, compat_level=pl.CompatLevel.oldest())
        with self._doing(doing):
            self._client.raw_insert(
                table,
                column_names=rows.columns,
                insert_block=stream.getvalue(),
                # A server that gathers inserts answers before the rows are there.
                settings={"async_insert": 0, "insert_deduplication_token": token},
                fmt="ArrowStream",
            )

    def _state(
        self, doing: str, key: BarKey, month: StoredMonth, batch: int
    ) -> tuple[int, dict[int, int]]:
        """Return the rows of a batch, and all that coverage knows of a month: versions by batch."""
        state = self._fetch(doing, _STATE, key=key.path, month=month.month, batch=batch)
        there, versions, batches = state.row(0)
        return there, {
            each: version for version, each in sorted(zip(versions, batches, strict=True))
        }

    def _delete(self, doing: str, table: str, key: BarKey, batches: list[int]) -> None:
        if batches:
            self._run(doing, _DELETE, table=table, key=key.path, batches=batches)

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
            raise self._error(doing, *_reason(error, self._at.user)) from error

    def _error(self, doing: str, reason: str, remedy: str) -> StoreError:
        return StoreError(f"ClickHouse at {self._at.place}: {doing} failed: {reason} ({remedy})")


def _connect(at: Address, pool: PoolManager) -> "Client":
    """Return a client of a server that answers; the database need not be there yet."""
    from clickhouse_connect.driver import create_client  # noqa: PLC0415 - an extra

    logging.getLogger("clickhouse_connect").addHandler(_SILENCE)
    client = create_client(
        interface="http" if at.scheme == "clickhouse" else "https",
        host=at.host,
        port=at.port,
        username=at.user,
        password=at.password,
        connect_timeout=CONNECT_SECONDS,
        send_receive_timeout=ANSWER_SECONDS,
        # Within a session a server refuses two queries at once.
        autogenerate_session_id=False,
        pool_mgr=pool,
        show_clickhouse_errors="scrub",
    )
    client.database = at.database
    return client


def _reason(error: BaseException, user: str) -> tuple[str, str]:
    """Return what an error says, in short, and what to do about it."""
    said = _SAID.search(str(error))
    text = said[1] if said else str(error).partition("\n")[0]
    code = getattr(error, "code", None)
    if code in _WHO:
        return f"user {user!r} or the password is wrong", "correct them in the URL"
    if code in _RIGHTS:
        return _SOME_COLUMNS.sub("", text), f"grant it to {user!r}"
    causes = list(_causes(error))
    details = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    for kind, what, remedy in _BROKEN:
        if any(isinstance(cause, kind) for cause in causes):
            return ": ".join([what, *details[:1]]), remedy
    return text, _LOOK


def _causes(error: object) -> Iterator[BaseException]:
    """Yield an error, and what it came from by any of the ways in which errors tell that."""
    while isinstance(error, BaseException):
        yield error
        error = getattr(error, "reason", None) or error.__cause__ or error.__context__
