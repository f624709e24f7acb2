"""A browser's tab without pixels: it keeps the page, the widgets' values, the address and its history."""

from __future__ import annotations

import itertools
import json
import queue
from typing import Any
from urllib.parse import parse_qsl

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from tests.walk.server import Server
from tests.walk.tree import Node, Page
from tests.walk.widgets import first_value, ident, key, widget
from tests.walk.wire import brought, file_wanted, rerun, stated

PATIENCE = 240  # seconds without a word until a run of the page counts as hung
SOON = 5.0  # seconds without a word until what works is stopped
_FILES = itertools.count(1)


class Fault(AssertionError):
    """What must not be: the page, or an answer on it, is wrong."""


class Tab:
    """One visit. `page` is what it shows, `address` where it is: (page, query)."""

    downloads = True  # whether what it downloads can be looked at

    def __init__(self, server: Server, page: str = "", query: str = "") -> None:
        self.server, self.inbox = server, queue.Queue()  # type: ignore[var-annotated]
        self.page = Page()
        self.pages: dict[str, str] = {}  # the name in the address -> what Streamlit calls it
        self.values: dict[str, WidgetState] = {}
        self.timers: dict[str, float] = {}
        self.states: dict[str, Any] = {}  # of components: what they have told
        self.main = self.script = self.run = ""
        self.fragments: tuple[str, ...] = ()
        self.toasts: list[str] = []
        self.steps_back = False
        self.history, self.at = [(page, query)], 0
        self.session = server.ask(lambda: server.runtime.connect_session(self, {}))
        self._rerun(name=page)

    def write_forward_msg(self, msg: ForwardMsg) -> None:
        """The server's side: what it sends."""
        self.inbox.put(msg)

    def client(self, *_: Any) -> Any:
        """Nothing: the server asks for no more of this client."""

    @property
    def address(self) -> tuple[str, str]:
        return self.history[self.at]

    @property
    def params(self) -> dict[str, str]:
        """What the address says behind its question mark."""
        return dict(parse_qsl(self.address[1], keep_blank_values=True))

    def _push(self, page: str, query: str) -> None:
        if self.steps_back:
            self.history[self.at] = page, query
        elif (page, query) != self.address:
            self.history[self.at + 1 :] = [(page, query)]
            self.at += 1

    def open(self, page: str, query: str | None = None) -> None:
        """Follows a link within the page: the sidebar's, or one on the page."""
        if query is None:
            query = self.address[1] if page == self.address[0] else ""
        self._push(page, query)
        self._rerun(page=self.pages[page])

    def back(self, step: int = -1) -> bool:
        """The browser's way back, or forward; whether there was one."""
        if not 0 <= self.at + step < len(self.history):
            return False
        self.at += step
        self.steps_back = True  # until the page is done, what it says of its address is no step of its own
        self._rerun(page=self.pages[self.address[0]], history=True)
        return True

    def close(self) -> None:
        self.server.ask(lambda: self.server.runtime.close_session(self.session))

    def follow(self, link: Node) -> None:
        """A link on the page."""
        one, pages = link.sent.page_link, self.pages.items()
        where = next((name for name, ident in pages if ident == one.page_script_hash), None)
        if where is None:
            raise Fault(f"the link {one.label!r} leads nowhere")
        self.open(where, one.query_string)

    def controls(self) -> list[Node]:
        """The widgets and components of the page, in its order."""
        return self._widgets()

    def told_by(self, name: str) -> dict[str, Any]:
        """What the component of that key has told and the page still knows."""
        for node in self._widgets():
            if key(node) == name and ident(node) in self.values:
                return dict(json.loads(self.values[ident(node)].json_value or "{}"))
        return {}

    def aside(self, node: Node) -> bool:
        """Whether it stands in the sidebar."""
        sidebar = (self.page.root.children or {}).get(1)
        return sidebar is not None and any(one is node for one in sidebar.walk())

    def change(self, node: Node, **value: Any) -> None:
        """A widget gets another value: the fragment around it runs, or the page."""
        self.values[ident(node)] = stated(ident(node), **value)
        self._rerun(fragment=node.fragment, trigger=None)

    def press(self, node: Node) -> None:
        """A button, whose value lasts for one run."""
        self._rerun(fragment=node.fragment, trigger=stated(ident(node), trigger_value=True))

    def trigger(self, name: str, fragment: str, event: str, value: Any) -> None:
        """An event of a component, which is heard once."""
        said = stated(name, json_trigger_value=[{"event": event, "value": value}])
        self._rerun(fragment=fragment, trigger=said)

    def upload(self, node: Node, *files: tuple[str, str, bytes]) -> None:
        """Files (name, type, content) for an uploader or a camera."""
        there = []
        for name, kind, data in files:
            there.append((f"file-{next(_FILES)}", name, len(data)))
            self.server.files.add_file(self.session, UploadedFileRec(there[-1][0], name, kind, data))
        self.values[ident(node)] = brought(ident(node), there)
        self._rerun(fragment=node.fragment)

    def tick(self) -> bool:
        """Lets what asks again every moment do so once; whether anything does."""
        for fragment in list(self.timers):
            if self.server.ask(lambda f=fragment: self._app().has_fragment(f)):  # type: ignore[misc]
                self._rerun(fragment=fragment, timer=True)
            else:
                self.timers.pop(fragment, None)
        return bool(self.timers)

    def download(self, node: Node) -> bytes:
        """What a download button gives."""
        proto = node.sent.download_button
        url = proto.url
        if proto.deferred_file_id:
            self._send(file_wanted(proto.deferred_file_id, self.session, f"ask-{next(_FILES)}"))
            url = self._response().deferred_file.url
        return self.media(url)

    def media(self, url: str) -> bytes:
        """The bytes behind an address of the server's."""
        if not url.startswith("/media/"):
            raise Fault(f"not an address of this server: {url[:80]}")
        content: bytes = self.server.media.get_file(url.rpartition("/")[2]).content
        return content

    def stored(self) -> dict[str, Any]:
        """The widgets' values as the page was made with them, each as it travels."""

        def values() -> dict[str, Any]:
            state = self._app().session_state
            known = state._new_widget_state.widget_metadata
            return {name: known[name].serializer(state[name]) for name in self.values if name in known}

        return self.server.ask(values)

    def _app(self) -> Any:
        return self.server.runtime.get_app_session(self.session)

    def _send(self, msg: BackMsg) -> None:
        self.server.ask(lambda: self.server.runtime.handle_backmsg(self.session, msg))

    def _rerun(self, *, fragment: str = "", timer: bool = False, **how: Any) -> None:
        if fragment and not self.server.ask(lambda: self._app().has_fragment(fragment)):
            raise Fault("a control is shown whose part of the page is gone: using it does nothing")
        if not fragment:
            self.timers.clear()
        elif not timer:
            self.timers.pop(fragment, None)
        self.toasts = []
        self._ask(fragment=fragment, timer=timer, **how)
        self._listen()

    def _ask(
        self,
        *,
        page: str | None = None,
        name: str = "",
        fragment: str = "",
        trigger: WidgetState | None = None,
        timer: bool = False,
        history: bool = False,
    ) -> None:
        everywhere = {ident(node) for node in self._widgets() if node.script == self.main}
        # another page hears of what stands on both
        values = [value for name, value in self.values.items() if page is None or name in everywhere]
        values += [] if trigger is None else [trigger]
        script = self.script if page is None else page
        how = {"fragment_id": fragment, "is_auto_rerun": timer, "is_history_navigation": history}
        self._send(rerun(self.address, values, page_script_hash=script, page_name=name, **how))

    def _response(self) -> Any:
        while True:
            msg = self._next()
            if msg.WhichOneof("type") == "backend_operation_response":
                answer = msg.backend_operation_response
                if answer.error_msg:
                    raise Fault(f"a download was refused: {answer.error_msg}")
                return answer
            self._hear(msg)

    def _next(self) -> ForwardMsg:
        """The next message; what works for long is stopped meanwhile, as a person would."""
        waited = 0.0
        while waited < PATIENCE:
            try:
                return self.inbox.get(timeout=SOON)  # type: ignore[no-any-return]
            except queue.Empty:
                waited += SOON
                self._stop()
        raise Fault(f"the page is not done after {PATIENCE} s")

    def _stop(self) -> None:
        """Presses the Stop of what the page waits for, where there is one."""
        node = next((n for n in self._widgets() if key(n).startswith("stop-")), None)
        if node is not None:
            self._ask(fragment=node.fragment, trigger=stated(ident(node), trigger_value=True))

    def _listen(self) -> None:
        """Takes in what is sent until the last run is over."""
        early = ForwardMsg.FINISHED_EARLY_FOR_RERUN
        while True:
            msg = self._next()
            self._hear(msg)
            if msg.WhichOneof("type") == "script_finished" and msg.script_finished != early:
                return

    def _hear(self, msg: ForwardMsg) -> None:
        kind = msg.WhichOneof("type")
        if kind == "delta":
            path = list(msg.metadata.delta_path)
            node = self.page.put(path, msg.delta, self.run, msg.metadata.active_script_hash)
            self._mounted(node)
        elif kind == "new_session":
            self.run = msg.metadata.run.script_run_id
            self.fragments = tuple(msg.metadata.run.fragment_ids)
            self.main = msg.new_session.main_script_hash
            if not self.fragments:
                self.timers.clear()
            if msg.new_session.page_script_hash != self.script:
                self.page.leave(self.main)
                self._forget()
                self.script = msg.new_session.page_script_hash
        elif kind == "navigation":
            self.script = msg.navigation.page_script_hash
            there = msg.navigation.app_pages
            self.pages = {("" if p.is_default else p.url_pathname): p.page_script_hash for p in there}
            here = next(name for name, ident in self.pages.items() if ident == self.script)
            if here != self.address[0]:
                self._push(here, self.address[1])
        elif kind == "page_info_changed":
            self._push(self.address[0], msg.page_info_changed.query_string)
        elif kind == "auto_rerun":
            self.timers[msg.auto_rerun.fragment_id] = msg.auto_rerun.interval
        elif kind == "stop_auto_rerun":
            for fragment in msg.stop_auto_rerun.fragment_ids:
                self.timers.pop(fragment, None)
        elif kind == "script_finished" and msg.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            self.page.settle(self.run, self.fragments)
            self.steps_back = False
            self._forget()

    def _forget(self) -> None:
        """What a widget held goes with it."""
        there = {ident(node) for node in self._widgets()}
        self.values = {name: value for name, value in self.values.items() if name in there}

    def _mounted(self, node: Node) -> None:
        if node.kind == "toast":
            self.toasts.append(node.sent.toast.body)
        begun = first_value(node)
        if begun is None:
            return
        proto, fresh = begun
        if fresh or proto.id not in self.values:
            self.values[proto.id] = proto

    def _widgets(self) -> list[Node]:
        return [node for node in self.page.nodes() if widget(node)]
