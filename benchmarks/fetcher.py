"""The requests of a simulated visitor beside its websocket: pictures fetched, files uploaded."""

from __future__ import annotations

import http.client
from collections.abc import Iterable
from urllib.parse import urlsplit

PATIENCE = 120.0  # seconds for one answer


class Fetcher:
    """One connection that is kept open; what cannot be had is a line in `errors`."""

    def __init__(self, address: str, errors: list[str]) -> None:
        self.address, self.errors = address, errors
        self._http: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._http is not None:
            self._http.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._http is None:
            place = urlsplit(self.address)
            self._http = http.client.HTTPConnection(place.hostname or "", place.port, timeout=PATIENCE)
        return self._http

    def get(self, urls: Iterable[str]) -> dict[str, bytes]:
        found = {}
        for url in urls:
            try:
                status, data, _ = self._ask("GET", url)
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(f"picture: {type(error).__name__}")
                continue
            if status == 200:
                found[url] = data
            else:
                self.errors.append(f"picture: HTTP {status}")
        return found

    def _ask(self, how: str, url: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, str]:
        """Status, body and cookie of an answer; over a new connection where the server has closed the idle one."""
        for fresh in (self._http is None, True):
            link = self._connection()
            try:
                link.request(how, url, body, headers)
                answer = link.getresponse()
                return answer.status, answer.read(), (answer.getheader("set-cookie") or "").partition(";")[0]
            except (OSError, http.client.HTTPException):
                self._http = None
                if fresh:
                    raise
        raise AssertionError

    def put(self, url: str, name: str, kind: str, data: bytes) -> int:
        _, _, cookie = self._ask("GET", "/_stcore/health")
        line = "visitor"
        head = f'--{line}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        body = f"{head}Content-Type: {kind}\r\n\r\n".encode() + data + f"\r\n--{line}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={line}", "Cookie": cookie}
        return self._ask("PUT", url, body, **headers, **{"X-Xsrftoken": cookie.partition("=")[2]})[0]
