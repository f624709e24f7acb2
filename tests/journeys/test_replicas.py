"""Two replicas behind the reverse proxy of deploy/: one is killed in the middle of use, and visitors go on."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from tests.browser.test_privacy import until
from tests.dashboard import ROOT, Dashboard, window
from tests.journeys import steps
from tests.journeys.steps import add_photos, at_rest, jpeg
from tests.proxy import HAPROXY, Proxy

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(HAPROXY is None, reason="needs HAProxy, for instance from `apt-get install haproxy`"),
]
LOOKED_FOR = "health|host-config"  # a page asks below its own address first, also without a proxy
ASSETS = ROOT / "cnnviz" / "models" / "assets"
SHARED = ("cache", "runs", "weights")


class Replica(Dashboard):
    """A dashboard for strangers that shares its folders of cache, runs and weights with others."""

    def start(self) -> None:
        for name in SHARED:
            self.environment[f"CNNVIZ_{name.upper()}"] = str(self.places.parent / name)
        self.environment |= {"CNNVIZ_PROXY": "1", "CNNVIZ_OFFER_RUNS": "1"}
        super().start()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the replicas share: weights, a run, a cache."""
    folder = tmp_path_factory.mktemp("replicas")
    for name in SHARED:
        (folder / name).mkdir()
    torch.manual_seed(3)
    net = torchvision.models.squeezenet1_1(num_classes=2)
    save_file(net.state_dict(), folder / "weights" / "owls.safetensors")
    (folder / "runs" / "pets").mkdir()
    shutil.copy(ASSETS / "cats_dogs.safetensors", folder / "runs" / "pets" / "best.safetensors")
    shutil.copy(ASSETS / "cats_dogs.json", folder / "runs" / "pets" / "card.json")
    return folder


@pytest.fixture(scope="module")
def replicas(folder: Path) -> Iterator[dict[str, Replica]]:
    """By what the proxy's cookie calls them."""
    made: dict[str, Replica] = {}

    def begin(name: str) -> None:
        (folder / name).mkdir()
        made[name] = Replica(folder / name, "--public", "--metrics")

    threads = [threading.Thread(target=begin, args=(f"replica{i}",)) for i in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield made
    for each in made.values():
        each.end()


@pytest.fixture(scope="module")
def proxy(folder: Path, replicas: dict[str, Replica]) -> Iterator[Proxy]:
    running = Proxy(folder, replicas["replica1"].port, replicas["replica2"].port)
    running.ready()
    yield running
    running.end()


def replica(page: Page) -> str:
    """Which replica the visitor is kept at."""
    (cookie,) = [each for each in page.context.cookies() if each["name"] == "cnnviz_replica"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    return cookie["value"]


def pictures(page: Page) -> set[str]:
    """The addresses of the images that the replica has made for the page."""
    return set(page.evaluate("() => [...document.images].map((i) => i.src).filter((s) => s.includes('/media/'))"))


def visit(browser: Browser, proxy: Proxy, name: str, seed: int) -> tuple[Page, list[str]]:
    """A visitor with a photo, and whatever the server has refused to that tab."""
    page, refused = window(browser, proxy.address).new_page(), []

    def hear(answer: Response) -> None:
        if answer.status > 399 and not re.search(f"/class_activation/_stcore/({LOOKED_FOR})$", answer.url):
            refused.append(f"{answer.status} {answer.url}")

    page.on("response", hear)
    page.goto("/class_activation?model=lecture/cats_gap")
    page.locator(".cam canvas").wait_for()
    at_rest(page)
    add_photos(page, (name, jpeg(seed, 300)))
    page.locator(".st-key-photo").get_by_text(name).wait_for(state="attached")
    at_rest(page)
    return page, refused


def test_a_replica_is_killed_and_visitors_go_on_with_all_that_was_saved(
    browser: Browser, proxy: Proxy, replicas: dict[str, Replica], folder: Path
):
    first, refused = visit(browser, proxy, "first.jpg", 1)
    second, refused_too = visit(browser, proxy, "second.jpg", 2)
    mine, other = replica(first), replica(second)
    assert {mine, other} == set(replicas)
    assert refused == refused_too == []  # connection, upload and images of a visit are at one replica
    for each in replicas.values():
        assert until(each.places, lambda now: now["photos"] == 1)["photos"] == 1
    shown = pictures(first) - pictures(second)
    assert {first.request.get(address).status for address in shown} == {200}
    assert {second.request.get(address).status for address in shown} == {404}  # at the other replica
    first.goto("/filters?model=lecture/cats_gap&many=4")
    cache = folder / "cache"
    steps.until(lambda: len(list(cache.glob("*.npz"))) > 1, True, 60)

    replicas[mine].kill()  # in the middle of computing
    saved = {path: path.stat().st_ino for path in cache.glob("*.npz")}
    began = time.monotonic()
    first.goto("/class_activation?model=run/pets@best&photo=own")  # the first reload, at once
    first.locator(".cam canvas").wait_for()
    at_rest(first)
    assert time.monotonic() - began < 20
    assert replica(first) == other
    assert first.get_by_text("Your own photos do not survive a reload").count() == 1
    assert {first.request.get(address).status for address in shown} == {
        404
    }  # it was in the memory of that process alone
    assert "second.jpg" not in first.content()
    first.goto("/filters?model=lecture/cats_gap&many=4")
    steps.until(lambda: len(list(cache.glob("*.npz"))) > len(saved), True, 60)
    assert {path: path.stat().st_ino for path in saved} == saved  # read, not computed anew
    first.goto("/class_activation?model=file/owls")
    first.locator(".cam canvas").wait_for()
    at_rest(first)
    add_photos(first, ("third.jpg", jpeg(3, 300)))
    first.locator(".st-key-photo").get_by_text("third.jpg").wait_for(state="attached")
    at_rest(first)
    assert until(replicas[other].places, lambda now: now["photos"] == 2)["photos"] == 2

    second.get_by_role("link", name="Activations").first.click()  # who was at the other one has noticed nothing
    second.get_by_role("heading", name="Activations").first.wait_for()
    at_rest(second)
    assert second.locator(".st-key-photo").get_by_text("second.jpg").count() == 1
    assert refused_too == []
    assert "third.jpg" not in second.content()
    assert "second.jpg" not in first.content()
    for page in (first, second):
        assert page.locator("[data-testid=stException]").count() == 0
        page.context.close()
