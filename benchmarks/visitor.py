"""One simulated visitor: a websocket client that holds of a page what a browser needs to use its widgets.

It speaks Streamlit's protocol as a browser does: it sends all values with each change, names the messages it has
cached, fetches the pictures it is shown, and uploads by the upload address. It draws nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from dataclasses import dataclass
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.fetcher import PATIENCE, Fetcher

AGE = 2  # runs of the whole page that a browser keeps a cached message for
CHOICES = ("selectbox", "button_group", "checkbox", "slider", "text_input", "number_input", "multiselect")
WIDGETS = (*CHOICES, "bidi_component", "file_uploader", "button", "download_button")
PICTURES = re.compile(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)")


class Hung(Exception):
    """An answer has not come in `PATIENCE` seconds."""


@dataclass
class Wait:
    """What was done, when (monotonic seconds), how long until the page was whole, and until its pictures were there."""

    what: str
    at: float
    seconds: float
    pictures: float = 0.0


@dataclass
class Widget:
    """A widget of the page: its message, and the fragment it belongs to."""

    kind: str
    proto: Any
    fragment: str


class Visitor:
    """One visit. `waits` are its answers, `errors` what went wrong, `inline` the pictures inside messages."""

    def __init__(self, address: str, number: int = 0) -> None:
        self.address, self.number = address, number
        self.page, self.query, self.script, self.session = "", "", "", ""
        self.pages: dict[str, str] = {}  # by name in the address
        self.widgets: dict[str, Widget] = {}  # by what the server calls it
        self.values: dict[str, WidgetState] = {}
        self.waits: list[Wait] = []
        self.errors: list[str] = []
        self.texts: list[str] = []  # of what waits: bars and captions of the last run
        self.pictures: dict[str, bytes] = {}  # by address: what was fetched and is still on the page
        self.inline: list[str] = []  # base64, of the last run
        self.received = 0  # bytes
        self._cached: dict[str, tuple[ForwardMsg, int]] = {}
        self._runs, self._seen = 0, set[str]()
        self._urls, self._new = set[str](), set[str]()  # of pictures: of the page, of the last run
        self._fragments: tuple[str, ...] = ()
        self._socket: ClientConnection | None = None
        self._fetcher = Fetcher(address, self.errors)
        self._asks = itertools.count(1)

    async def arrive(self, page: str = "", query: str = "") -> None:
        """Open a tab at an address."""
        uri = self.address.replace("http", "ws", 1) + "/_stcore/stream"
        self._socket = await connect(uri, subprotocols=["streamlit"], max_size=None, origin=self.address)  # type: ignore[list-item, arg-type]
        self.page, self.query = page, query
        await self._run("arrive", page_name=page)

    async def leave(self) -> None:
        """Close the tab."""
        if self._socket is not None:
            await self._socket.close()
        self._fetcher.close()

    async def open(self, page: str) -> None:
        """Follow a link of the list of pages."""
        self.page, self.query = page, ""
        self.script = self.pages[page]
        await self._run(f"open {page or 'home'}")

    def find(self, key: str) -> Widget | None:
        """The widget of that key, where the page has it."""
        return next((one for name, one in self.widgets.items() if _key(name) == key), None)

    def options(self, key: str) -> list[str]:
        """What can be chosen of a list or a row of buttons."""
        one = self.find(key)
        if one is None:
            return []
        options = one.proto.options
        return [option.content for option in options] if one.kind == "button_group" else list(options)

    def value(self, key: str) -> str:
        """What is chosen of a list or a row of buttons; nothing where the page has none."""
        state = self.values.get(one.proto.id) if (one := self.find(key)) else None
        return "" if state is None else state.string_value or ",".join(state.string_array_value.data)

    async def choose(self, key: str, option: str) -> None:
        """Choose one of a list, or of a row of buttons."""
        if (one := self.find(key)) is None:
            return
        state = WidgetState(id=one.proto.id)
        if one.kind == "button_group":
            state.string_array_value.data.append(option)
        else:
            state.string_value = option
        self.values[one.proto.id] = state
        await self._run(key, one.fragment)

    async def trigger(self, key: str, event: str, value: Any) -> None:
        """An event of a component, heard once."""
        if (one := self.find(key)) is None:
            return
        state = WidgetState(id=one.proto.id, json_trigger_value=json.dumps([{"event": event, "value": value}]))
        await self._run(key, one.fragment, state)

    async def upload(self, name: str, data: bytes, kind: str = "image/jpeg", key: str = "upload-") -> None:
        """Bring a file to the uploader whose key begins so."""
        one = next(w for n, w in self.widgets.items() if w.kind == "file_uploader" and _key(n).startswith(key))
        ask = BackMsg()
        ask.file_urls_request.request_id = f"ask-{next(self._asks)}"
        ask.file_urls_request.file_names.append(name)
        ask.file_urls_request.session_id = self.session
        await self._send(ask)
        while (msg := await self._next()).WhichOneof("type") != "file_urls_response":
            self._hear(msg)
        urls = msg.file_urls_response.file_urls[0]
        status = await asyncio.to_thread(self._fetcher.put, urls.upload_url, name, kind, data)
        if status >= 300:
            self.errors.append(f"upload {name}: HTTP {status}")
            return
        state = WidgetState(id=one.proto.id)
        info = state.file_uploader_state_value.uploaded_file_info.add()
        info.name, info.size, info.file_id = name, len(data), urls.file_id
        info.file_urls.CopyFrom(urls)
        self.values[one.proto.id] = state
        await self._run("upload", one.fragment)

    async def _run(
        self, what: str, fragment: str = "", trigger: WidgetState | None = None, page_name: str = ""
    ) -> None:
        began = time.monotonic()
        self.texts, self.inline = [], []
        state = ClientState(query_string=self.query, page_script_hash=self.script, fragment_id=fragment)
        state.page_name = page_name
        state.context_info.url = f"{self.address}/{self.page}" + f"?{self.query}" * bool(self.query)
        state.context_info.color_scheme = "light"
        state.widget_states.widgets.extend([*self.values.values(), *([] if trigger is None else [trigger])])
        state.cached_message_hashes.extend(self._cached)
        await self._send(BackMsg(rerun_script=state))
        while True:
            msg = await self._next()
            self._hear(msg)
            kind = msg.WhichOneof("type")
            if kind == "script_finished" and msg.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                break
        done = time.monotonic() - began
        await self._fetch()
        self.waits.append(Wait(what, began, done, time.monotonic() - began))

    async def _send(self, msg: BackMsg) -> None:
        assert self._socket is not None
        await self._socket.send(msg.SerializeToString())

    async def _next(self) -> ForwardMsg:
        assert self._socket is not None
        try:
            data = await asyncio.wait_for(self._socket.recv(), PATIENCE)
        except TimeoutError:
            raise Hung(f"no word for {PATIENCE:.0f} s") from None
        self.received += len(data)
        return ForwardMsg.FromString(data)  # type: ignore[arg-type]

    def _hear(self, msg: ForwardMsg) -> None:
        kind = msg.WhichOneof("type")
        if kind == "ref_hash":
            known, _ = self._cached[msg.ref_hash]
            self._cached[msg.ref_hash] = known, self._runs
            self._element(known.delta.new_element, known.delta.fragment_id)
        elif kind == "delta":
            if msg.metadata.cacheable:
                self._cached[msg.hash] = msg, self._runs
            if msg.delta.WhichOneof("type") == "new_element":
                self._element(msg.delta.new_element, msg.delta.fragment_id)
        elif kind == "new_session":
            self._fragments = tuple(msg.metadata.run.fragment_ids)
            self.session = msg.new_session.initialize.session_id or self.session
            self.script = msg.new_session.page_script_hash
            self._new = set()
            if not self._fragments:
                self._seen, self._urls = set(), set()
        elif kind == "navigation":
            self.script = msg.navigation.page_script_hash
            self.pages = {"" if p.is_default else p.url_pathname: p.page_script_hash for p in msg.navigation.app_pages}
        elif kind == "page_info_changed":
            self.query = msg.page_info_changed.query_string
        elif kind == "script_finished" and msg.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            self._settle()

    def _settle(self) -> None:
        """The end of a run of the whole page: what it did not send again is gone."""
        self._runs += 1
        self.widgets = {name: one for name, one in self.widgets.items() if name in self._seen}
        self.values = {name: state for name, state in self.values.items() if name in self._seen}
        self._cached = {name: kept for name, kept in self._cached.items() if kept[1] >= self._runs - AGE}

    def _element(self, element: Any, fragment: str) -> None:
        kind = element.WhichOneof("type")
        if kind == "exception":
            self.errors.append(f"exception: {element.exception.type} {element.exception.message[:200]}")
        elif kind == "alert" and element.alert.format == element.alert.ERROR:
            self.errors.append(f"error box: {element.alert.body[:200]}")
        elif kind == "imgs":
            self._new.update(image.url for image in element.imgs.imgs)
            self._urls.update(self._new)
        elif kind == "progress":
            self.texts.append(element.progress.text)
        elif kind in WIDGETS:
            proto = getattr(element, kind)
            self.widgets[proto.id] = Widget(kind, proto, fragment)
            self._seen.add(proto.id)
            if kind == "bidi_component":
                self.inline += PICTURES.findall(proto.json if proto.HasField("json") else proto.mixed.json)
            elif kind in CHOICES and (proto.id not in self.values or proto.set_value):
                self._first(kind, proto)

    def _first(self, kind: str, proto: Any) -> None:
        """The value that a browser begins with, or is told."""
        state, told = WidgetState(id=proto.id), proto.set_value
        if kind == "selectbox":
            text = proto.raw_value if told else proto.options[proto.default] if proto.options else ""
            state.string_value = text
        elif kind == "button_group":
            named = [option.content for option in proto.options]
            state.string_array_value.data.extend(proto.raw_values if told else [named[i] for i in proto.default])
        elif kind == "checkbox":
            state.bool_value = proto.value if told else proto.default
        elif kind == "slider" and not proto.options:
            state.double_array_value.data.extend(proto.value if told else proto.default)
        else:
            return  # of others, a browser's first value is the server's own
        self.values[proto.id] = state

    async def _fetch(self) -> None:
        """Fetch the pictures of the page that are not here yet, as a browser does; forget those that are gone."""
        wanted = [url for url in self._new if url.startswith("/media/") and url not in self.pictures]
        if wanted:
            found = await asyncio.to_thread(self._fetcher.get, wanted)
            self.pictures.update(found)
        self.pictures = {url: data for url, data in self.pictures.items() if url in self._urls}


def _key(name: str) -> str:
    """The key that the page gave a widget."""
    parts = name.split("-", 2)
    return parts[2] if len(parts) == 3 and parts[2] != "None" else ""
