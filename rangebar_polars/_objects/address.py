"""The address of a folder in a bucket, which never has credentials, and explained errors."""

import re
from dataclasses import dataclass
from typing import Final, Self

_URL: Final = re.compile(
    r"(?P<scheme>s3|gs|az)://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]*)"
    r"(?P<prefix>(?:/[A-Za-z0-9!_.*'()=~+,-]+)*)/?"
)
CREDENTIALS: Final = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
"""The schemes, and the environment variables that have the credentials of each."""

_CODE: Final = re.compile(r"<Code>(\w+)</Code>")
_MESSAGE: Final = re.compile(r"<Message>([^<]+)</Message>")
_NO_BUCKET: Final = frozenset({"NoSuchBucket", "ContainerNotFound"})
_REFUSALS: Final = frozenset({"PermissionDeniedError", "UnauthenticatedError", "PermissionError"})
# The addresses at which machines of the providers hand out credentials, and errors without any.
_NO_CREDENTIALS: Final = (
    "169.254.169.254",
    "metadata.google.internal",
    "MissingAccount",
    "MissingAccessKey",
    "MissingSecretAccessKey",
)
_CORRECT: Final = "create it, or correct the URL"
_WHO: Final = " who may get, put, list and delete objects there"
_ANOTHER: Final = "use one that has them, or a folder"
_REGION: Final = "set AWS_REGION to it"
_CONNECT: Final = "start the server, or correct its address in the environment"
_SERVER: Final = "see whether the server is up, and try again"


@dataclass(frozen=True, kw_only=True)
class ObjectAddress:
    """A bucket, and the folder of a store or a cache in it.

    Examples
    --------
    >>> ObjectAddress.parse("s3://bucket/team/").url
    's3://bucket/team'
    """

    scheme: str
    bucket: str
    prefix: str

    def __str__(self) -> str:
        return self.url

    @classmethod
    def parse(cls, url: str, what: str = "the URL of the store") -> Self:
        """Read a URL.

        Parameters
        ----------
        url
            The URL. Errors do not quote it, because it may contain a secret.
        what
            What errors call it.

        Raises
        ------
        ValueError
            It is of another form, or has credentials.
        """
        scheme = url.partition("://")[0]
        names = CREDENTIALS[scheme]
        if "@" in url or "?" in url:
            raise ValueError(
                f"{what} has '@' or '?', as if with credentials, which it must not have (set "
                f"{names}, and give {scheme}://bucket/prefix)"
            )
        parts = _URL.fullmatch(url)
        folders = [] if parts is None else parts["prefix"].split("/")
        if parts is None or not {".", ".."}.isdisjoint(folders):
            raise ValueError(
                f"{what} is not of the form {scheme}://bucket/prefix (give the name of a bucket, "
                "and folders of letters, digits and !_.*'()=~+,- or none)"
            )
        return cls(scheme=scheme, bucket=parts["bucket"], prefix=parts["prefix"].strip("/"))

    @property
    def url(self) -> str:
        """The URL that `parse` reads."""
        return f"{self.scheme}://{self.bucket}/{self.prefix}".rstrip("/")

    def explained(self, error: BaseException) -> tuple[str, str]:
        """Return a short reason for an error of a request, and its remedy."""
        text, names = str(error), f"set {CREDENTIALS[self.scheme]} to those of a user"
        found, message = _CODE.search(text), _MESSAGE.search(text)
        code = found[1] if found else ""
        of_code = f" ({code})" if code else ""
        # By name, because the classes are those of an extra.
        is_refused = type(error).__name__ in _REFUSALS
        known = (
            (code in _NO_BUCKET, f"there is no bucket {self.bucket!r}", _CORRECT),
            (any(name in text for name in _NO_CREDENTIALS), "there are no credentials", names),
            (is_refused, f"the server refuses the credentials{of_code}", f"{names}{_WHO}"),
            (" 501 " in text, "the server has no conditional writes", _ANOTHER),
            ("without LOCATION" in text, "the bucket is in another region", _REGION),
            ("kind: Connect" in text, "no connection", _CONNECT),
            (message is not None, f"{message[1] if message else ''}{of_code}", _SERVER),
        )
        for is_so, reason, remedy in known:
            if is_so:
                return reason, remedy
        # The first line alone, and without the request, whose URL may be signed.
        return re.sub(r"https?://\S+", "", text.partition("\n")[0]).strip(), _SERVER


def refuse_credentials(url: str) -> None:
    """Refuse the URL of a store in a bucket that has credentials, before it is kept anywhere.

    Raises
    ------
    ValueError
        It has some, or is otherwise wrong.
    """
    if names_bucket(url):
        ObjectAddress.parse(url)


def names_bucket(url: str) -> bool:
    """Return whether a text begins as the URL of a bucket.

    >>> names_bucket("s3://bucket"), names_bucket("s3")
    (True, False)
    """
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme in CREDENTIALS
