"""A server of files with HEAD and Range, as object stores and the web have them."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class RangeServer:
    """The server; a context manager. Files are served by their path without the leading slash."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.ranges = True
        """Whether it serves parts of a file."""
        self.cut: int | None = None
        """After how many bytes of an answer a connection ends."""
        files_of = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                files_of._answer(self, body=False)

            def do_GET(self) -> None:
                files_of._answer(self, body=True)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        content = self.files.get(request.path.lstrip("/").partition("?")[0])
        if content is None:
            request.send_response(404)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        start, end, status = 0, len(content), 200
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range", ""))
        if asked and self.ranges:
            first, last = asked.groups()
            start = int(first) if first else max(0, len(content) - int(last))
            end = min(len(content), int(last) + 1) if first and last else len(content)
            status = 206
        request.send_response(status)
        request.send_header("ETag", '"1"')
        request.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        request.send_header("Accept-Ranges", "bytes")
        request.send_header("Content-Length", str(end - start))
        if status == 206:
            request.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        request.end_headers()
        if body:
            part = content[start:end]
            if self.cut is not None and len(part) > self.cut:
                request.wfile.write(part[: self.cut])
                request.close_connection = True
                return
            request.wfile.write(part)
