"""What a person can do on the page that is shown: found on it, drawn by a seeded generator, done, written down."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from tests.walk import components, photos
from tests.walk.tab import Tab
from tests.walk.tree import Node
from tests.walk.widgets import ident, key, openable, plain, proto

FEW = 4  # images of each class that a walk may draw


@dataclass(frozen=True)
class Action:
    """One thing that is done: what, to which control (its key, or its label), and with which value."""

    do: str
    to: str = ""
    value: Any = None

    def __str__(self) -> str:
        value = json.dumps(self.value, ensure_ascii=False)
        return f"{self.do} {self.to}".strip() + (f" = {value[:160]}" if self.value is not None else "")

    def line(self) -> str:
        """As it stands in a file to be replayed."""
        return json.dumps(asdict(self), ensure_ascii=False)


def name_of(node: Node) -> str:
    """What a control is called from run to run: its key, else its label."""
    return key(node) or str(getattr(proto(node), "label", "")) or node.kind


def find(tab: Tab, name: str, kind: str = "") -> Node | None:
    """The control of that name, where the page has it."""
    for node in tab.controls():
        if name_of(node) == name and kind in ("", node.kind):
            return node
    return None


# what may be chosen


def refused(tab: Tab, node: Node) -> bool:
    """Whether a walk keeps its hands off: downloads from elsewhere and real trainings."""
    icon, label = str(getattr(proto(node), "icon", "")), str(getattr(proto(node), "label", ""))
    if node.kind != "button":
        return False
    if tab.address[0] == "train":
        return icon in (":material/play_arrow:", ":material/query_stats:") or "Draw" in label or "enerate" in label
    count = find(tab, "circles-count")
    many = count is not None and plain(tab.values[ident(count)]) > FEW
    return tab.address[0] == "data" and (icon == ":material/download:" or (icon == ":material/draw:" and many))


def of_selectbox(node: Node, tab: Tab, rng: Random) -> Action | None:
    options = [text for text in proto(node).options if "download" not in text]
    return Action("choose", name_of(node), rng.choice(options)) if options else None


def of_group(node: Node, tab: Tab, rng: Random) -> Action | None:
    one = proto(node)
    named = [option.content for option in one.options]
    if one.click_mode == one.MULTI_SELECT:
        return Action("choose", name_of(node), rng.sample(named, rng.randint(0, len(named))))
    return Action("choose", name_of(node), [rng.choice(named)])


def of_multiselect(node: Node, tab: Tab, rng: Random) -> Action | None:
    options = list(proto(node).options)
    return Action("choose", name_of(node), rng.sample(options, min(len(options), rng.randint(0, 3))))


def of_slider(node: Node, tab: Tab, rng: Random) -> Action | None:
    one = proto(node)
    if one.options:
        return Action("choose", name_of(node), [rng.choice(list(one.options))])
    steps = max(1, round((one.max - one.min) / (one.step or 1)))
    ends = sorted(min(one.max, one.min + one.step * rng.randint(0, steps)) for _ in one.default)
    return Action("slide", name_of(node), ends)


def of_number(node: Node, tab: Tab, rng: Random) -> Action | None:
    one = proto(node)
    low = one.min if one.has_min else -2
    high = one.max if one.has_max else 70
    whole = one.data_type == one.INT
    if key(node) == "circles-count":
        high = FEW
    value = min(high, max(low, rng.choice([low, high, rng.uniform(low, high), low + 1, one.step])))
    return Action("type", name_of(node), float(round(value) if whole else round(value, 4)))


def of_text(node: Node, tab: Tab, rng: Random) -> Action | None:
    return Action("type", name_of(node), rng.choice(["", "0-3", "7,2", "9999", "bäume 🌳", "a/../b", "x" * 70, "<b>"]))


def of_checkbox(node: Node, tab: Tab, rng: Random) -> Action | None:
    return Action("tick", name_of(node), not plain(tab.values[ident(node)]))


def of_button(node: Node, tab: Tab, rng: Random) -> Action | None:
    return Action("press", name_of(node))


def of_component(node: Node, tab: Tab, rng: Random) -> Action | None:
    found = components.touch(tab, node, rng)
    return None if found is None else Action("tell", name_of(node), found)


def of_uploader(node: Node, tab: Tab, rng: Random) -> Action | None:
    name = name_of(node)
    if not name.startswith(("upload-", "invite-")):
        return None
    some = [rng.choice(sorted(photos.SHAPES))] + [rng.choice(sorted(photos.BROKEN))] * (rng.random() < 0.15)
    return Action("upload", name.partition("-")[0], some)


def of_camera(node: Node, tab: Tab, rng: Random) -> Action | None:
    return Action("upload", "camera", ["garden.jpg"])


OFFERS: dict[str, Callable[[Node, Tab, Random], Action | None]] = {
    "selectbox": of_selectbox,
    "radio": of_selectbox,
    "button_group": of_group,
    "multiselect": of_multiselect,
    "slider": of_slider,
    "number_input": of_number,
    "text_input": of_text,
    "checkbox": of_checkbox,
    "button": of_button,
    "bidi_component": of_component,
    "file_uploader": of_uploader,
    "camera_input": of_camera,
}


def draw(tab: Tab, rng: Random) -> Action:
    """The next thing to do."""
    for _ in range(50):
        kind = rng.choices(list(WAYS), [weight for weight, _ in WAYS.values()])[0]
        if (action := WAYS[kind][1](tab, rng)) is not None:
            return action
    return Action("page", "")


def on_page(tab: Tab, rng: Random) -> Action | None:
    """A control of the page itself."""
    found = [n for n in tab.controls() if not tab.aside(n) and not refused(tab, n)]
    lively = [n for n in found if n.kind == "bidi_component" or not getattr(proto(n), "disabled", False)]
    if not lively:
        return None
    questions = [n for n in lively if key(n).startswith("pick-") or key(n) in ("against", "method", "at")]
    node = rng.choice([*lively, *questions, *questions])
    return opened(node) if openable(node) else OFFERS.get(node.kind, lambda *_: None)(node, tab, rng)


def opened(node: Node) -> Action | None:
    return Action("open", name_of(node)) if node.kind == "popover" else None


def at_side(tab: Tab, rng: Random) -> Action | None:
    """A control of the sidebar but net and photo."""
    found = [n for n in tab.controls() if tab.aside(n) and key(n) not in ("model", "photo")]
    found = [n for n in found if not getattr(proto(n), "disabled", False)]
    if not found:
        return None
    node = rng.choice(found)
    if key(node).startswith("forget-all") and rng.random() < 0.5:
        return None
    return opened(node) if openable(node) else OFFERS.get(node.kind, lambda *_: None)(node, tab, rng)


def one_of(name: str) -> Callable[[Tab, Random], Action | None]:
    def offer(tab: Tab, rng: Random) -> Action | None:
        node = find(tab, name)
        return None if node is None else OFFERS[node.kind](node, tab, rng)

    return offer


def a_page(tab: Tab, rng: Random) -> Action | None:
    often = [*sorted(tab.pages), *["activations", "class_activation", "class_activation"]]
    return Action("page", rng.choice(often))


def a_link(tab: Tab, rng: Random) -> Action | None:
    links = [n for n in tab.page.nodes() if n.kind == "page_link"]
    return Action("follow", proto(rng.choice(links)).label) if links else None


ODD = (
    ("activations", "layer=nonsense&channel=4"),
    ("activations", "channel=99999&scale=layer&sort=max&beside=coffee"),
    ("class_activation", "class=1&method=nonsense&proof=Regions"),
    ("class_activation", "look=0.3,0.2,viridis,split,seen,11,0.4&class=77"),
    ("class_activation", "method=layercam&versus=0&against=true&at=relu2"),
    ("gabor", "gabor-view=Filter+bank&thetas=%5B15,30%5D"),
    ("gabor", "wave=nonsense&on=9&thetas=7"),
    ("convolution", "lab=nonsense&input=box"),
    ("convolution", "lab-view=Receptive+field&stack=x"),
    ("filters", "layer=conv1&which=random&many=4"),
    ("", "photo=nobody&model=nothing"),
    ("", "photo=own"),
    ("train", "plan-epochs=-4&net=lecture/mnist_gap"),
    ("data", "preset=lecture&aug-seed=4&split=x"),
)


def a_typed_address(tab: Tab, rng: Random) -> Action | None:
    page, query = rng.choice(ODD)
    return Action("address", page, query)


WAYS: dict[str, tuple[float, Callable[[Tab, Random], Action | None]]] = {
    "page": (48, on_page),
    "photo": (13, one_of("photo")),
    "net": (6, one_of("model")),
    "side": (6, at_side),
    "go": (10, a_page),
    "follow": (4, a_link),
    "back": (5, lambda tab, rng: Action("back") if tab.at else None),
    "forward": (2, lambda tab, rng: Action("forward") if tab.at + 1 < len(tab.history) else None),
    "reload": (2, lambda tab, rng: Action("reload")),
    "address": (3, a_typed_address),
}


# how it is done


def perform(tab: Tab, action: Action) -> Tab | None:
    """Does it; the tab as it is then (a new one after a reload), or None where there is no such control."""
    if action.do == "page":
        tab.open(action.to)
    elif action.do == "follow":
        links = [n for n in tab.page.nodes() if n.kind == "page_link" and proto(n).label == action.to]
        if not links:
            return None
        tab.follow(links[0])
    elif action.do in ("back", "forward"):
        tab.back(-1 if action.do == "back" else 1)
    elif action.do in ("reload", "address"):
        page, query = tab.address if action.do == "reload" else (action.to, action.value)
        tab.close()
        return Tab(tab.server, page, query)
    else:
        return tab if _on(tab, action) else None
    return tab


def _on(tab: Tab, action: Action) -> bool:
    """Does it to a control; whether there is one."""
    if action.do == "upload":
        wanted = [n for n in tab.controls() if n.kind in ("file_uploader", "camera_input")]
        node = next((n for n in wanted if name_of(n).partition("-")[0] == action.to), None)
        if node is not None:
            tab.upload(node, *map(photos.file, action.value))
        return node is not None
    node = find(tab, action.to)
    if node is None:
        return False
    value = action.value
    if action.do == "press":
        tab.press(node)
    elif action.do == "open":
        tab.change(node, bool_value=True)
    elif action.do == "tell":
        components.tell(tab, node, value)
    elif action.do == "slide":
        tab.change(node, double_array_value=value)
    elif action.do == "tick":
        tab.change(node, bool_value=value)
    elif isinstance(value, list):
        tab.change(node, string_array_value=value)
    elif isinstance(value, float):
        tab.change(node, double_value=value)
    else:
        tab.change(node, string_value=value)
    return True


def read(lines: Sequence[str]) -> Iterator[Action]:
    """Actions from the lines of a file."""
    for line in lines:
        if line.strip():
            yield Action(**json.loads(line))
