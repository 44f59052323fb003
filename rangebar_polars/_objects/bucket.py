"""Requests to a folder in a bucket: conditional reads and writes, and listings.

What a rename and a lock do for files, conditions do here: an object appears whole, is created only
if it is absent, and is replaced or read only in the version that was looked at.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from rangebar_polars._extras import extra
from rangebar_polars._forks import use_buckets
from rangebar_polars._objects.address import ObjectAddress

CONNECT_SECONDS: Final = 10
ANSWER_SECONDS: Final = 300
RETRIES: Final = 3
RETRY_SECONDS: Final = 60

THREADS: Final = 8
"""How many requests are made at once; an answer may take long, and is short."""

ATTEMPTS: Final = 100
"""How often a writer looks again. Each time another one has written the object."""

_STORES: Final = {"s3": "S3Store", "gs": "GCSStore", "az": "AzureStore"}


@dataclass(frozen=True, kw_only=True)
class Piece:
    """The end of an object, or all of it, or of its version alone what names it.

    Attributes
    ----------
    data
        The bytes.
    size
        The bytes of the whole object.
    tag
        The ETag of its version.
    generation
        What else names its version; empty where the ETag is all.
    """

    data: bytes
    size: int
    tag: str
    generation: str = ""


class Bucket:
    """A folder in a bucket, whose objects have names relative to it.

    Every request raises a RangeBarError in a process that was forked after one.

    Parameters
    ----------
    at
        Its address. Credentials, region and endpoint are those of the environment.
    error
        The class of the errors of requests.
    needed_by
        What is in it, as a message calls it.

    Raises
    ------
    ModuleNotFoundError
        obstore is not installed.
    Exception
        The environment has no account, or a wrong setting; of the class `error`.
    """

    def __init__(self, at: ObjectAddress, error: type[Exception], *, needed_by: str) -> None:
        self._at = at
        self._error_class = error
        self._obstore, stores, exceptions = (
            extra(name, needed_by=needed_by, name="objects")
            for name in ("obstore", "obstore.store", "obstore.exceptions")
        )
        self._failures = (exceptions.BaseError, OSError, NotImplementedError)
        self._lost = (exceptions.AlreadyExistsError, exceptions.PreconditionError)
        # Only an endpoint that the environment names with http:// is without TLS.
        client = {
            "allow_http": True,
            "connect_timeout": f"{CONNECT_SECONDS} seconds",
            "timeout": f"{ANSWER_SECONDS} seconds",
        }
        retries = {
            "max_retries": RETRIES,
            "retry_timeout": dt.timedelta(seconds=RETRY_SECONDS),
            "backoff": {
                "init_backoff": dt.timedelta(seconds=0.1),
                "max_backoff": dt.timedelta(seconds=5),
                "base": 2,
            },
        }
        opened = getattr(stores, _STORES[at.scheme])
        with self._doing("opening"):
            self._store: Any = opened(
                at.bucket, prefix=at.prefix or None, client_options=client, retry_config=retries
            )

    def place(self, name: str) -> str:
        """Return the address of an object, for messages."""
        return f"{self._at.url}/{name}"

    def tail(self, name: str, size: int, *, tag: str | None = None) -> Piece | None:
        """Return the last bytes of an object, or all of it if it has fewer.

        Parameters
        ----------
        name
            The name of the object.
        size
            How many bytes.
        tag
            The only version that is wanted; None: the current one.

        Returns
        -------
        Piece or None
            None if it is absent, or another version is there.
        """
        if self._at.scheme != "az":
            return self._get(name, tag, {"suffix": size})
        # Azure counts from the beginning alone.
        found = self.version(name)
        if found is None:
            return None
        return self._get(name, tag or found.tag, {"offset": max(0, found.size - size)})

    def whole(self, name: str, tag: str | None = None) -> Piece | None:
        """Return an object; None if it is absent, or another version is there."""
        return self._get(name, tag, None)

    def version(self, name: str) -> Piece | None:
        """Return what names the version of an object, without its bytes; None if it is absent."""
        with self._doing("reading", name):
            try:
                found = self._obstore.head(self._store, name)
            except FileNotFoundError as error:
                self._refuse_no_bucket("reading", name, error)
                return None
        return self._piece(name, found, b"")

    def put(self, name: str, data: bytes, replaced: Piece | None) -> bool:
        """Write an object, and return whether it was written.

        Parameters
        ----------
        name
            The name of the object.
        data
            Its bytes.
        replaced
            The version that it replaces, and no other; None: it must be absent.
        """
        mode: Any = "create"
        if replaced is not None:
            mode = {"e_tag": replaced.tag}
            if replaced.generation:
                mode["version"] = replaced.generation
        with self._doing("writing", name):
            try:
                self._obstore.put(self._store, name, data, mode=mode, use_multipart=False)
            except self._lost:
                return False
            except FileNotFoundError as error:
                # What was to be replaced is gone.
                self._refuse_no_bucket("writing", name, error)
                return False
        return True

    def lost(self, name: str) -> Exception:
        """Return the error of a writer that has lost as often as it may."""
        reason = f"each of {ATTEMPTS} times the server reported that another version is there"
        return self._error("writing", name, reason, "let other writers end, and try again")

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder."""
        with self._doing("listing", folder):
            found = self._obstore.list_with_delimiter(self._store, folder)
            return [path.rpartition("/")[2] for path in found["common_prefixes"]]

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the names of all objects below a folder, in order, and the bytes of each."""
        with self._doing("listing", folder):
            pages = self._obstore.list(self._store, folder, chunk_size=1000)
            return dict(sorted((each["path"], each["size"]) for page in pages for each in page))

    def delete(self, names: Sequence[str]) -> None:
        """Delete objects; do nothing about absent ones."""
        if names:
            with self._doing("deleting", names[0]):
                self._obstore.delete(self._store, list(names))

    def _get(self, name: str, tag: str | None, bounds: dict[str, int] | None) -> Piece | None:
        options: dict[str, Any] = {} if tag is None else {"if_match": tag}
        if bounds is not None:
            options["range"] = bounds
        with self._doing("reading", name):
            try:
                found = self._obstore.get(self._store, name, options=options)
                meta, data = found.meta, bytes(found.bytes())
            except self._lost:
                return None
            except FileNotFoundError as error:
                self._refuse_no_bucket("reading", name, error)
                return None
        piece = self._piece(name, meta, data)
        # A server may ignore the condition.
        return piece if tag is None or piece.tag == tag else None

    def _piece(self, name: str, meta: Any, data: bytes) -> Piece:  # noqa: ANN401 - of an extra
        if not meta["e_tag"]:
            reason = "the server names no version of it (ETag)"
            raise self._error("reading", name, reason, "use one that does")
        generation = meta.get("version") or ""
        return Piece(data=data, size=meta["size"], tag=meta["e_tag"], generation=generation)

    def _refuse_no_bucket(self, doing: str, name: str, error: FileNotFoundError) -> None:
        reason, remedy = self._at.explained(error)
        if "no bucket" in reason:
            raise self._error(doing, name, reason, remedy) from error

    @contextmanager
    def _doing(self, doing: str, name: str = "") -> Iterator[None]:
        if name:
            # Opening makes no request.
            use_buckets()
        try:
            yield
        except self._failures as error:
            raise self._error(doing, name, *self._at.explained(error)) from error

    def _error(self, doing: str, name: str, reason: str, remedy: str) -> Exception:
        place = self.place(name).rstrip("/")
        return self._error_class(f"{doing} {place} failed: {reason} ({remedy})")
