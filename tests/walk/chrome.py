"""A tab in a real browser: its page is read from the messages that it gets, what is done is done with the mouse."""

from __future__ import annotations

import re
import urllib.request
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.journeys.steps import at_rest
from tests.walk.actions import Action, find
from tests.walk.tab import Fault, Tab
from tests.walk.tree import Node, Page
from tests.walk.widgets import key

if TYPE_CHECKING:
    from playwright.sync_api import Page as Chromium
    from playwright.sync_api import WebSocket

QUIET = ("favicon", "404")  # what a deep link makes Streamlit's own scripts ask for in vain


class ChromeTab(Tab):
    """A visit in Chromium; it can be looked at as a `Tab` can."""

    downloads = False

    def __init__(self, chromium: Chromium, page: str = "", query: str = "") -> None:
        self.chromium, self.cached = chromium, {}
        self.errors: list[str] = []
        self.frames: deque[bytes | str] = deque()
        self.pages, self.values, self.timers = {}, {}, {}
        self.states, self.toasts, self.steps_back = {}, [], False
        self._begin()
        chromium.on("websocket", self._connected)
        chromium.on("console", lambda said: self._console(said.type, said.text))
        chromium.on("pageerror", lambda error: self.errors.append(str(error)))
        chromium.goto(f"/{page}" + f"?{query}" * bool(query))
        self.rest()

    def _begin(self) -> None:
        self.page, self.main, self.script, self.run, self.fragments = Page(), "", "", "", ()
        self.history, self.at = [("", "")], 0

    def _console(self, kind: str, text: str) -> None:
        if kind == "error" and not any(word in text for word in QUIET):
            self.errors.append(text)

    def _connected(self, socket: WebSocket) -> None:
        self.frames.append("")  # a page begins anew
        socket.on("framereceived", lambda frame: self.frames.append(frame))
        socket.on("framesent", lambda frame: self._sent(frame))

    def _sent(self, frame: bytes | str) -> None:
        """What the browser tells the server: the widgets' values as it has them."""
        if isinstance(frame, bytes):
            msg = BackMsg.FromString(frame)
            for one in msg.rerun_script.widget_states.widgets:
                if one.WhichOneof("value") not in ("trigger_value", "json_trigger_value"):
                    self.values[one.id] = one

    def rest(self) -> None:
        """Waits until nothing happens, and takes in what has come."""
        at_rest(self.chromium, 500)
        while self.frames:
            frame = self.frames.popleft()
            if not isinstance(frame, bytes):
                self._begin()
                continue
            msg = ForwardMsg.FromString(frame)
            if msg.WhichOneof("type") == "ref_hash":
                known = ForwardMsg()
                known.CopyFrom(self.cached[msg.ref_hash])
                known.metadata.CopyFrom(msg.metadata)
                msg = known
            elif msg.hash:
                self.cached[msg.hash] = msg
            self._hear(msg)
        parts = urlsplit(self.chromium.url)
        self.history, self.at = [(parts.path.strip("/"), parts.query)], 0
        if self.errors:
            raise Fault(f"console: {self.errors[0][:500]}")

    def media(self, url: str) -> bytes:
        base = "/".join(self.chromium.url.split("/")[:3])
        with urllib.request.urlopen(base + url, timeout=30) as answer:
            return bytes(answer.read())

    def stored(self) -> dict[str, Any]:
        return {}

    def download(self, node: Node) -> bytes:
        raise NotImplementedError  # what a click on the button saves is seen by the journeys

    def close(self) -> None:
        """Nothing: the page belongs to the test."""


def perform(tab: ChromeTab, action: Action) -> bool:
    """Does it with mouse and keyboard; whether that could be done here."""
    page = tab.chromium
    if action.do == "page":
        page.locator(f"a[data-testid=stSidebarNavLink][href$='/{action.to}']").first.click()
    elif action.do in ("back", "forward"):
        page.go_back() if action.do == "back" else page.go_forward()
    elif action.do == "reload":
        page.reload()
    elif not (find(tab, action.to) and _by_hand(page, find(tab, action.to), action)):  # type: ignore[arg-type]
        return False
    tab.rest()
    return True


def _by_hand(page: Chromium, node: Node, action: Action) -> bool:
    """A control of the page; whether a hand can reach it."""
    place = page.locator(f".st-key-{re.sub(r'[^a-zA-Z0-9_-]', '-', key(node))}").first
    if not key(node) or not place.is_visible():
        return False
    if node.kind == "selectbox":
        place.get_by_role("combobox").click()
        page.keyboard.type(action.value[:40])
        page.get_by_role("option", name=action.value, exact=True).first.click()
    elif node.kind == "button_group" and len(action.value) == 1:
        wanted = place.get_by_role("radio", name=action.value[0], exact=True)
        wanted.first.click()
    elif node.kind == "checkbox":
        place.locator("label").first.click()
    elif node.kind == "number_input":
        place.locator("input").fill(f"{action.value:g}")
        page.keyboard.press("Enter")
    else:
        return False
    return True
