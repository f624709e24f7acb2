"""What deploy/ says of replicas is what the code does, and the proxy's configuration does what it promises.

Two real replicas with a browser, one of which is killed: tests/journeys/test_replicas.py.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from cnnviz.cli.main import cli
from cnnviz.cli.serve import PUBLIC_UPLOAD
from cnnviz.settings import SETTINGS
from cnnviz.ui.server import health
from tests.proxy import CONFIGURATION, HAPROXY, ROOT, Proxy
from tests.test_deploy import stages, the

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
IMAGE = stages(ROOT / "Dockerfile")[-1]
HOME, PORT = the(IMAGE, "WORKDIR"), int(the(IMAGE, "EXPOSE"))
NAMES = {setting.name for setting in SETTINGS}
PATHS = {route.path for route in health.ROUTES}
SAVED = {f"{HOME}/.cache", f"{HOME}/runs", f"{HOME}/weights"}
COOKIE = "cnnviz_replica"


def objects() -> dict[str, dict[str, Any]]:
    """What is applied to a cluster, by kind; several claims under their names."""
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    files = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")} - {"kustomization.yaml"}
    assert files == {*listed}
    each = [one for name in listed for one in yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text())]
    found = {one["metadata"]["name"] if one["kind"] == "PersistentVolumeClaim" else one["kind"]: one for one in each}
    assert len(found) == len(each)
    return found


def serves(arguments: list[str]) -> dict[str, Any]:
    """What `cnnviz` would do with these arguments; they are those of the command line."""
    command, *flags = arguments
    return cli.commands[command].make_context(command, flags, parent=click.Context(cli)).params


def test_a_volume_over_a_folder_of_the_home_belongs_to_the_user_who_writes_there():
    made = re.search(r"cd (\S+) && install -d -o (\d+) -g (\d+) (.+)$", the(IMAGE, "RUN"))
    assert (made[1], f"{made[2]}:{made[3]}") == (HOME, the(IMAGE, "USER"))
    assert {f"{HOME}/{name}" for name in made[4].split()} >= SAVED


def test_compose_starts_replicas_that_share_what_is_saved_and_nothing_else():
    services = COMPOSE["services"]
    replicas = {name: one for name, one in services.items() if name != "proxy"}
    assert len(replicas) == 2
    for one in replicas.values():
        assert serves(one["command"])["public"]
        assert {*one["environment"]} <= NAMES
        assert one["environment"]["CNNVIZ_PROXY"] == "1"
        shared = dict(volume.split(":") for volume in one["volumes"])
        assert {*shared.values()} == SAVED
        assert {*shared} == {*COMPOSE["volumes"]}
        assert {one["environment"][f"CNNVIZ_{name}"] for name in ("RUNS", "WEIGHTS")} < SAVED
        assert Path(one["environment"]["CNNVIZ_CACHE"]).parent == Path(HOME) / ".cache"
        assert one["read_only"]
        assert one["cap_drop"] == ["ALL"]
        assert "ports" not in one  # strangers come by the proxy alone, which keeps the metrics from them
    proxy = services["proxy"]
    assert proxy["depends_on"] == {name: {"condition": "service_healthy"} for name in replicas}
    assert (DEPLOY / proxy["volumes"][0].split(":")[0]).samefile(CONFIGURATION)
    assert proxy["ports"] == [f"${{CNNVIZ_PORT:-8501}}:{PORT}"]
    told = CONFIGURATION.read_text()
    for name in replicas:
        assert f'-{name}:{PORT}}}" cookie {name}\n' in told
    assert f'bind "${{CNNVIZ_BIND-:{PORT}}}"' in told
    assert (DEPLOY / COMPOSE["x-replica"]["build"]["context"] / "Dockerfile").is_file()


def test_kubernetes_replaces_pods_one_by_one_and_asks_the_addresses_that_there_are():
    found = objects()
    spec = found["Deployment"]["spec"]
    assert spec["replicas"] >= 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    pod = spec["template"]["spec"]
    (one,) = pod["containers"]
    assert serves(one["args"]) | {"net": None} == {"public": True, "port": PORT, "metrics": False, "net": None}
    assert {each["name"] for each in one["env"]} <= NAMES
    assert {"name": "CNNVIZ_PROXY", "value": "1"} in one["env"]
    (port,) = one["ports"]
    assert port["containerPort"] == PORT
    probes = {kind: one[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")}
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    assert {kind: probe["path"] for kind, probe in probes.items()} == {
        "startup": "/ready",
        "readiness": "/ready",
        "liveness": "/health",
    }
    assert {probe["path"] for probe in probes.values()} <= PATHS
    assert one["securityContext"]["readOnlyRootFilesystem"]
    assert not one["securityContext"]["allowPrivilegeEscalation"]
    assert f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" == the(IMAGE, "USER")
    mounts = {mount["mountPath"]: mount["name"] for mount in one["volumeMounts"]}
    assert {*mounts} == {HOME, "/tmp", *SAVED}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {*mounts.values()} == {*volumes}
    for place in SAVED:
        claim = found[volumes[mounts[place]]["persistentVolumeClaim"]["claimName"]]
        assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    (reached,) = found["Service"]["spec"]["ports"]
    assert reached["targetPort"] == port["name"]
    (rule,) = found["Ingress"]["spec"]["rules"]
    assert rule["host"] == next(each["value"] for each in one["env"] if each["name"] == "CNNVIZ_HOSTS")
    (path,) = rule["http"]["paths"]
    service = path["backend"]["service"]
    assert (service["name"], service["port"]["name"]) == (found["Service"]["metadata"]["name"], reached["name"])


def test_one_cookie_keeps_a_visitor_at_a_replica_whatever_the_proxy():
    found = objects()
    told = found["Ingress"]["metadata"]["annotations"] | found["Service"]["metadata"]["annotations"]
    named = [value for key, value in told.items() if re.search(r"cookie-persistence$|cookie-name$|cookie\.name$", key)]
    assert named == [COOKIE] * 3
    assert f"cookie {COOKIE} insert" in CONFIGURATION.read_text()
    assert re.fullmatch(r"\d+m", told["nginx.ingress.kubernetes.io/proxy-body-size"])
    assert int(told["nginx.ingress.kubernetes.io/proxy-body-size"][:-1]) > PUBLIC_UPLOAD
    (most,) = re.findall(r"content-length\) gt (\d+)", CONFIGURATION.read_text())
    assert PUBLIC_UPLOAD << 20 < int(most) < 2 * PUBLIC_UPLOAD << 20


class Stub(ThreadingHTTPServer):
    """A replica that says who it is, which headers it was asked with, and whether it is ready."""

    daemon_threads = True
    request_queue_size = 128  # of 5, a busy machine fills all, and the proxy takes that for a dead replica

    def __init__(self, name: str, port: int = 0) -> None:
        self.name, self.unready, self.asked = name, False, 0
        super().__init__(("127.0.0.1", port), Answer)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """Says nothing of whoever left without the answer."""

    def end(self) -> None:
        """Nobody listens at its port any more."""
        self.shutdown()
        self.server_close()


class Answer(BaseHTTPRequestHandler):
    """One answer of a stub."""

    def do_GET(self) -> None:
        stub = self.server
        assert isinstance(stub, Stub)
        stub.asked += self.path != "/ready"
        self.send_response(503 if stub.unready and self.path == "/ready" else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"name": stub.name, "headers": self.headers.items()}).encode())

    do_PUT = do_GET

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def stubs() -> Iterator[dict[str, Stub]]:
    """Two replicas by name."""
    made = {name: Stub(name) for name in ("replica1", "replica2")}
    yield made
    for each in made.values():
        each.end()


@pytest.fixture
def proxy(stubs: dict[str, Stub], tmp_path: Path) -> Iterator[Proxy]:
    """The proxy before them."""
    if HAPROXY is None:
        pytest.skip("needs HAProxy, for instance from `apt-get install haproxy`")
    running = Proxy(tmp_path, *(each.server_port for each in stubs.values()))
    running.ready()
    yield running
    running.end()


def begun(proxy: Proxy) -> tuple[str, str]:
    """A new visitor's replica, and the cookie that the browser sends from then on."""
    status, text, headers = proxy.ask("/")
    assert status == 200
    cookie, *attributes = headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Lax"} <= {*attributes}
    name = json.loads(text)["name"]
    assert cookie == f"{COOKIE}={name}"
    return name, cookie


def test_a_visitor_stays_at_a_replica_until_it_does_not_answer_and_then_goes_on_at_once(
    proxy: Proxy, stubs: dict[str, Stub]
):
    name, cookie = begun(proxy)
    for path in ("/", "/_stcore/stream", "/media/abc.jpg"):
        assert json.loads(proxy.ask(path, {"Cookie": cookie})[1])["name"] == name
    assert json.loads(proxy.ask("/_stcore/upload_file/a/b", {"Cookie": cookie}, "PUT")[1])["name"] == name
    stubs[name].end()
    (other,) = {*stubs} - {name}
    began = time.monotonic()
    status, text, headers = proxy.ask("/", {"Cookie": cookie})
    assert (status, json.loads(text)["name"]) == (200, other)
    assert time.monotonic() - began < 3
    assert headers["Set-Cookie"].startswith(f"{COOKIE}={other}")


def test_a_replica_that_is_not_ready_gets_no_visitors(proxy: Proxy, stubs: dict[str, Stub]):
    name, cookie = begun(proxy)
    (other,) = {*stubs} - {name}
    stubs[name].unready = True
    end = time.monotonic() + 10
    while (found := json.loads(proxy.ask("/", {"Cookie": cookie})[1])["name"]) == name and time.monotonic() < end:
        time.sleep(0.1)
    assert found == other


def test_the_proxy_says_who_asks_and_keeps_to_itself_what_is_not_for_visitors(proxy: Proxy, stubs: dict[str, Stub]):
    lies = {"X-Forwarded-For": "192.0.2.7", "Forwarded": "for=192.0.2.7", "X-Real-IP": "192.0.2.7"}
    told = json.loads(proxy.ask("/", lies | {"Host": "cnnviz.example"})[1])["headers"]
    told = sorted(
        (name.lower(), value) for name, value in told if name.lower() not in ("accept-encoding", "connection")
    )
    assert told == [
        ("host", "cnnviz.example"),
        ("x-forwarded-for", "127.0.0.1"),  # this test's own address, and once
        ("x-forwarded-proto", "http"),
    ]
    asked = [each.asked for each in stubs.values()]
    for path in ("/metrics", "/metrics/", "/_stcore/metrics", "/%6detrics", "//metrics", "/x/_stcore/%6Detrics"):
        assert proxy.ask(path)[0] == 404, path
    assert proxy.ask("/_stcore/upload_file/a/b", {"Content-Length": str(200 << 20)}, "PUT")[0] == 413
    assert [each.asked for each in stubs.values()] == asked
    assert proxy.ask("/health")[0] == 200
    assert "Connect from" not in proxy.log.read_text()  # who visits is written down nowhere
