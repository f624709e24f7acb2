"""The dashboard on a machine that has nothing but the packages: a checkout and a home that may only be read, nothing in
the environment, no rights, and no network.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHECKOUT = ("app.py", "cnnviz", "pages", "plans", ".streamlit")
ALONE = ["unshare", "--net"]  # with a network of its own, which leads nowhere
UNARMED = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]  # root, too, is then held to the rights of files

# In a network of its own: switches on the way to itself, starts the dashboard, and tells what became of it.
WATCH = """
import fcntl, json, socket, struct, subprocess, sys, time, urllib.request
with socket.socket() as own:
    fcntl.ioctl(own, 0x8914, struct.pack("16sh14s", b"lo", 1, b""))
started = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
found, end = {}, time.monotonic() + 100
while time.monotonic() < end and started.poll() is None and found.get("/ready") != 200:
    for path in ("/health", "/ready", "/"):
        try:
            with urllib.request.urlopen("http://127.0.0.1:8501" + path, timeout=5) as answer:
                found[path] = answer.status
        except OSError:
            time.sleep(0.1)
try:
    urllib.request.urlopen("http://192.0.2.1/", timeout=2)
except OSError as error:
    found["outside"] = str(error)
started.terminate()
found["said"] = started.communicate(timeout=30)[0]
print(json.dumps(found))
"""


@pytest.fixture
def checkout(tmp_path: Path):
    """A copy of what is needed, of which nothing can be changed."""
    place = tmp_path / "checkout"
    place.mkdir()
    for name in CHECKOUT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, place / name)
    (tmp_path / "home").mkdir()
    every = [tmp_path / "home", place, *place.rglob("*")]
    for path in every:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield place
    for path in every:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_it_starts_offline_from_a_checkout_and_a_home_that_may_only_be_read(checkout: Path):
    if not all(map(shutil.which, (ALONE[0], UNARMED[0]))) or subprocess.run([*ALONE, "true"], check=False).returncode:
        pytest.skip("a network of one's own needs unshare, setpriv and the right to use them")
    before = {path: path.stat().st_mtime_ns for path in checkout.rglob("*")}
    serve = [*UNARMED, sys.executable, "-m", "cnnviz", "serve"]
    done = subprocess.run(
        [*ALONE, sys.executable, "-c", WATCH, *serve],
        cwd=checkout,
        env={"PATH": os.defpath, "HOME": str(checkout.parent / "home")},
        capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [found.get(path) for path in ("/health", "/ready", "/")] == [200, 200, 200], found["said"]
    assert "unreachable" in found["outside"]
    assert "Traceback" not in found["said"]
    assert "rror" not in found["said"]
    assert {path: path.stat().st_mtime_ns for path in checkout.rglob("*")} == before
