"""What a browser holds of a page: the elements as they were sent, and what is left of them when a run ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Node:
    """An element or a block of the page, which run sent it, and the fragment it belongs to."""

    sent: Any  # the Element or Block; None for one of the page's own containers
    run: str = ""
    fragment: str = ""
    script: str = ""
    children: dict[int, Node] | None = None
    transient: list[Any] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What it is: "selectbox", "bidi_component", "popover"..."""
        return "" if self.sent is None else self.sent.WhichOneof("type") or ""

    def walk(self) -> Iterator[Node]:
        """A node and all below it, in the page's order."""
        yield self
        for _, child in sorted((self.children or {}).items()):
            yield from child.walk()


class Page:
    """The tree, changed message by message as Streamlit's browser side does it."""

    def __init__(self) -> None:
        self.root = Node(None, children={})

    def put(self, path: Sequence[int], delta: Any, run: str, script: str) -> Node:
        """The node that a message makes or replaces; a block that was there keeps what is in it."""
        at = self.root
        for index in path[:-1]:
            at = at.children.setdefault(index, Node(None, run, children={}))  # type: ignore[union-attr]
        kind, last = delta.WhichOneof("type"), path[-1]
        before = (at.children or {}).get(last)
        if kind == "new_transient":
            if before is None or before.run != run:
                return at
            return before
        if kind == "new_element":
            made = Node(delta.new_element, run, delta.fragment_id, script)
        else:
            kept = before.children if before is not None and before.children is not None else {}
            if before is not None and before.sent is not None and before.kind != delta.add_block.WhichOneof("type"):
                kept = {}
            made = Node(delta.add_block, run, delta.fragment_id, script, kept)
        if at.children is None:  # where an element stood, a block is now
            at.children = {}
        at.children[last] = made
        return made

    def leave(self, main: str) -> None:
        """Another page begins: only what the frame around all pages has drawn stays."""
        self._left(self.root, main)

    def _left(self, node: Node, main: str) -> None:
        node.children = {
            i: child for i, child in (node.children or {}).items() if child.sent is None or child.script == main
        }
        for child in node.children.values():
            if child.children is not None:
                self._left(child, main)

    def settle(self, run: str, fragments: Sequence[str]) -> None:
        """The end of a run: what it did not send again goes, of the whole page or of the fragments that ran."""
        for container in (self.root.children or {}).values():
            container.run = run
            self._settled(container, run, fragments, "")

    def _settled(self, node: Node, run: str, fragments: Sequence[str], inside: str) -> bool:
        """Whether a node stays; what is below it is cleared."""
        if node.children is None:
            if fragments:
                return not node.fragment or not inside or node.run == run
            return node.run == run
        if fragments:
            if inside and node.run != run:
                return False
            if node.fragment in fragments and node.run == run:
                inside = node.fragment
        elif node.run != run:
            return False
        node.children = {i: child for i, child in node.children.items() if self._settled(child, run, fragments, inside)}
        return True

    def nodes(self) -> Iterator[Node]:
        """Everything on the page, the main part first, then the sidebar."""
        return (node for node in self.root.walk() if node.sent is not None)
