"""The words on every page as it is drawn: labels, help, options, captions, sentences, what images are called."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message

from tests.banned_words import faults

UNREAD = {"id", "url", "form_id", "key", "icon", "json", "js_content", "css_content", "html_content", "arrow_data"}
CODE = {"code", "component", "bidi_component", "iframe", "favicon"}


def read(message: Message) -> Iterator[str]:
    """Every text in what Streamlit sends for an element, without names, addresses and code."""
    for field, value in message.ListFields():
        if field.name in UNREAD | CODE:
            continue
        for one in [value] if isinstance(value, (Message, str, bytes, int, float)) else list(value):
            if isinstance(one, Message):
                yield from read(one)
            elif isinstance(one, str):
                yield one


def seen(text: str) -> Iterator[str]:
    """What is read of a piece of HTML or Markdown: its text, and what images and controls are called."""
    text = re.sub(r"<(style|script)\b.*?</\1>|`[^`]*`", " ", text, flags=re.S)
    yield from map(html.unescape, re.findall(r'(?:alt|title|aria-label)="([^"]*)"', text))
    yield html.unescape(re.sub(r"<[^>]*>", " ", text)).strip()


def shown(at: Any) -> set[str]:
    """Every text of a page and its sidebar."""
    found: set[str] = set()
    for element in at._tree:
        if isinstance(proto := getattr(element, "proto", None), Message) and element.type not in CODE:
            found.update(text for part in read(proto) for text in seen(part))
    return found


VIEWS = [
    {"page": ""},
    *({"page": "class_activation", "proof": one} for one in ("Raw map", "Contributions", "All layers", "Regions")),
    {"page": "class_activation", "method": "saliency", "versus": "1"},
    {"page": "class_activation", "how-many": "Many photos"},
    {"page": "activations", "beside": "coffee", "sort": "similarity"},
    {"page": "filters", "layer": "conv2", "many": "1", "steps": "1"},
    {"page": "convolution"}, {"page": "convolution", "lab-view": "Receptive field"},
    {"page": "gabor"}, {"page": "gabor", "gabor-view": "Filter bank"},
    {"page": "gabor", "gabor-view": "Learned filters"}, {"page": "data"}, {"page": "train"},
]  # fmt: skip


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: " ".join(filter(None, view.values())))
def test_a_page_is_drawn_in_the_words_of_the_field(visit, view):
    texts = shown(visit(**view))
    assert len(texts) > 20
    assert [fault for text in sorted(texts) for fault in faults(text)] == []


def test_an_old_word_on_a_page_is_found():
    from streamlit.testing.v1 import AppTest

    def page() -> None:
        import streamlit as st

        st.selectbox("Net", ["Knobs"], help="What the net sees")
        st.html('<p>What it says</p><img alt="Two pictures" src="x">')

    found = " ".join(fault for text in shown(AppTest.from_function(page).run()) for fault in faults(text))
    for instead in ("network", "settings", "receives", "Prediction", "image"):
        assert instead in found
