"""What Streamlit's widgets hold in the browser: their first value, and the one they show."""

from __future__ import annotations

from typing import Any

from streamlit.proto.WidgetStates_pb2 import WidgetState

from tests.walk.tree import Node

KINDS = ("selectbox", "slider", "number_input", "text_input", "multiselect", "button_group", "checkbox", "radio")
OTHERS = ("button", "download_button", "bidi_component", "file_uploader", "camera_input", "text_area")


def widget(node: Node) -> bool:
    """Whether the node is an element, or a block that opens and shuts, with a value of its own."""
    return node.kind in KINDS or node.kind in OTHERS or bool(openable(node))


def openable(node: Node) -> str:
    """The name of a popover, an expander or tabs that tell the server of their being opened; "" for others."""
    if node.children is None or node.kind not in ("popover", "expandable", "tab_container"):
        return ""
    block = getattr(node.sent, node.kind)
    return str(block.id) if block.HasField("id") else ""


def proto(node: Node) -> Any:
    """The message of the widget itself."""
    return getattr(node.sent, node.kind)


def ident(node: Node) -> str:
    """What the server calls the widget."""
    return openable(node) or str(proto(node).id)


def key(node: Node) -> str:
    """The key that the page gave it; "" where it gave none."""
    if node.sent is None:
        return ""
    name = openable(node) or getattr(getattr(node.sent, node.kind, None), "id", "") or getattr(node.sent, "id", "")
    parts = str(name).split("-", 2)
    return parts[2] if len(parts) == 3 and parts[2] != "None" else ""


def first_value(node: Node) -> tuple[WidgetState, bool] | None:
    """What a widget begins with where the browser has nothing for it, and whether the server insists on that."""
    kind = node.kind
    if kind == "bidi_component" or kind not in KINDS or node.children is not None:
        return None
    one = proto(node)
    state = WidgetState(id=one.id)
    fresh = bool(one.set_value)
    if kind in ("selectbox", "radio"):
        text = one.raw_value if fresh and one.HasField("raw_value") else None
        if text is None and not fresh and one.HasField("default") and 0 <= one.default < len(one.options):
            text = one.options[one.default]
        if text is not None:
            state.string_value = text
    elif kind == "checkbox":
        state.bool_value = one.value if fresh else one.default
    elif kind == "text_input":
        text = one.value if fresh else one.default
        if (fresh and one.HasField("value")) or (not fresh and one.HasField("default")):
            state.string_value = text
    elif kind == "number_input":
        there = one.HasField("value") if fresh else one.HasField("default")
        if there:
            state.double_value = one.value if fresh else one.default
    elif kind == "slider":
        if one.options:
            state.string_array_value.data.extend(one.raw_value if fresh else [one.options[int(i)] for i in one.default])
        else:
            state.double_array_value.data.extend(one.value if fresh else one.default)
    elif kind == "multiselect":
        state.string_array_value.data.extend(one.raw_values if fresh else [one.options[i] for i in one.default])
    elif kind == "button_group":
        named = [option.content for option in one.options]
        state.string_array_value.data.extend(one.raw_values if fresh else [named[i] for i in one.default])
    return state, fresh


def plain(state: WidgetState) -> Any:
    """A widget's value as plain Python; None where it has none."""
    kind = state.WhichOneof("value")
    if kind is None:
        return None
    value = getattr(state, kind)
    return list(value.data) if kind.endswith("_array_value") else value
