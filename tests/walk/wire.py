"""What a browser sends to the server, as messages of Streamlit's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.WidgetStates_pb2 import WidgetState

WHERE = "http://localhost:8501"


def rerun(address: tuple[str, str], values: Iterable[WidgetState], **how: Any) -> BackMsg:
    """Runs the page at an address, (page, query), or a part of it, with these values of its widgets."""
    where, query = address
    state = ClientState(query_string=query, **how)
    state.context_info.url = f"{WHERE}/{where}" + f"?{query}" * bool(query)
    state.context_info.color_scheme = "light"
    state.widget_states.widgets.extend(values)
    msg = BackMsg()
    msg.rerun_script.CopyFrom(state)
    return msg


def file_wanted(file: str, session: str, request: str) -> BackMsg:
    """Asks for a file that is made only when somebody wants it."""
    msg = BackMsg()
    ask = msg.backend_operation_request
    ask.request_id, ask.session_id = request, session
    ask.deferred_file.file_id = file
    return msg


def stated(ident: str, **value: Any) -> WidgetState:
    """The state of a widget as it travels: bool_value=True, string_array_value=["a"]..."""
    state = WidgetState(id=ident)
    for name, given in value.items():
        if name.endswith("_array_value"):
            getattr(state, name).data.extend(given)
        elif name == "json_value":
            state.json_value = json.dumps(given)
        elif name == "json_trigger_value":
            state.json_trigger_value = json.dumps(given)
        elif given is not None:
            setattr(state, name, given)
    return state


def brought(ident: str, files: Iterable[tuple[str, str, int]]) -> WidgetState:
    """The state of an uploader or a camera with these files: (what the server calls it, name, bytes)."""
    state = WidgetState(id=ident)
    for number, name, size in files:
        info = state.file_uploader_state_value.uploaded_file_info.add()
        info.name, info.size, info.file_id = name, size, number
        info.file_urls.file_id = number
    return state
