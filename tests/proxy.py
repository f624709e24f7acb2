"""The reverse proxy of deploy/, before replicas on this machine."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONFIGURATION = ROOT / "deploy" / "haproxy.cfg"
HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Proxy:
    """HAProxy as deploy/haproxy.cfg has it, before replicas at two ports."""

    def __init__(self, folder: Path, *ports: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address, self.log = f"http://127.0.0.1:{self.port}", folder / "proxy.log"
        places = {f"CNNVIZ_REPLICA{i}": f"127.0.0.1:{port}" for i, port in enumerate(ports, 1)}
        environment = {**os.environ, **places, "CNNVIZ_BIND": f"127.0.0.1:{self.port}"}
        with self.log.open("wb") as log:
            command = [str(HAPROXY), "-f", str(CONFIGURATION)]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def ask(
        self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> tuple[int, str, Mapping[str, str]]:
        """Status, text and headers of an answer; status 0 where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read().decode("latin-1"), answer.headers
        except OSError:
            return 0, "", {}
        finally:
            connection.close()

    def ready(self, seconds: float = 60) -> None:
        """Waits until a replica answers through the proxy."""
        end = time.monotonic() + seconds
        while (status := self.ask("/ready")[0]) != 200 and time.monotonic() < end:
            time.sleep(0.1)
        assert status == 200, self.log.read_text()

    def end(self) -> None:
        """Ends it."""
        self.process.terminate()
        self.process.wait(10)
