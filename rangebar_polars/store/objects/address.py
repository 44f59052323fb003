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
# The addresses at which machines of the providers hand out credentials.
_OF_MACHINES: Final = ("169.254.169.254", "metadata.google.internal", "metadata/identity")
_UNKNOWN: Final = ("MissingAccount", "NoCredentials", "MissingAccessKey", "MissingSecretAccessKey")
_SERVER: Final = "see whether the server is up, and try again"


@dataclass(frozen=True, kw_only=True)
class ObjectAddress:
    """A bucket, and the folder of the store in it.

    Examples
    --------
    >>> ObjectAddress.parse("s3://bucket/team/").url
    's3://bucket/team'
    """

    scheme: str
    bucket: str
    prefix: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL. Errors do not quote it, because it may contain a secret."""
        scheme = url.partition("://")[0]
        names = CREDENTIALS[scheme]
        if "@" in url or "?" in url:
            raise ValueError(
                "the URL of the store has '@' or '?', as if with credentials, which it must not "
                f"have (set {names}, and give {scheme}://bucket/prefix)"
            )
        parts = _URL.fullmatch(url)
        folders = [] if parts is None else parts["prefix"].split("/")
        if parts is None or not {".", ".."}.isdisjoint(folders):
            raise ValueError(
                f"the URL of the store is not of the form {scheme}://bucket/prefix (give the name "
                "of a bucket, and folders of letters, digits and !_.*'()=~+,- or none)"
            )
        return cls(scheme=scheme, bucket=parts["bucket"], prefix=parts["prefix"].strip("/"))

    @property
    def url(self) -> str:
        """The URL that `parse` reads."""
        return f"{self.scheme}://{self.bucket}/{self.prefix}".rstrip("/")

    def explained(self, error: BaseException) -> tuple[str, str]:
        """Return a short reason for an error of a request, and its remedy."""
        text = str(error)
        found = _CODE.search(text)
        code = found[1] if found else ""
        kind = type(error).__name__
        if code in _NO_BUCKET:
            return f"there is no bucket {self.bucket!r}", "create it, or correct the URL"
        names = f"set {CREDENTIALS[self.scheme]} to those of a user"
        if any(name in text for name in (*_OF_MACHINES, *_UNKNOWN)):
            return "there are no credentials", names
        if kind in {"PermissionDeniedError", "UnauthenticatedError", "PermissionError"}:
            reason = f"the server refuses the credentials{found and f' ({code})' or ''}"
            return reason, f"{names} who may get, put, list and delete objects there"
        if code == "NotImplemented" or " 501 " in text:
            reason = "the server has no conditional writes"
            return reason, "use one that has them, or a store in ClickHouse or in a folder"
        if "without LOCATION" in text:
            return "the bucket is in another region", "set AWS_REGION to it"
        if "kind: Connect" in text:
            return "no connection", "start the server, or correct its address in the environment"
        if message := _MESSAGE.search(text):
            return f"{message[1]} ({code})", _SERVER
        # The first line alone, and without the request, whose URL may be signed.
        return re.sub(r"https?://\S+", "", text.partition("\n")[0]).strip(), _SERVER


def refuse_credentials(url: str) -> None:
    """Refuse the URL of a store in a bucket that has credentials, before it is kept anywhere.

    Raises
    ------
    ValueError
        It has some, or is otherwise wrong.
    """
    if url.partition("://")[0] in CREDENTIALS:
        ObjectAddress.parse(url)
