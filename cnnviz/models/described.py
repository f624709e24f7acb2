"""The architecture that a card describes, or that tensors show, as a network on the meta device."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from cnnviz.models import assumed, build, catalog, heads, identify, lecture, timm_load, timm_nets
from cnnviz.models.checkpoint import CheckpointError, refuse_unfit
from cnnviz.models.identify import Skeleton
from cnnviz.options import RequestError


@dataclass(frozen=True)
class Description:
    """What a card says of a network's architecture; nothing, where there is no card.

    net    its name, "" where the tensors have to show it
    given  what no tensor shows, by the names of `assumed.TABLE`
    spec   the switches of a lecture network, or a head that was trained here
    of     the key of the model, for sentences
    """

    net: str = ""
    given: Mapping[str, str] = dataclasses.field(default_factory=dict)
    spec: Mapping[str, Any] | None = None
    of: str = "the network"

    def skeleton(self, name: str, state: Mapping[str, Tensor], file: str) -> Skeleton:
        """The network of that name on the meta device, as the card describes it and the state of a file shows it.

        One of timm is filled already, because timm rewrites some states. Raises `RequestError` where it cannot be built
        or the state does not fit.
        """
        if name.startswith("timm/"):
            activation = assumed.assumption("activation", self.given)
            net = timm_load.filled(name.removeprefix("timm/"), state, file, activation.value)
            return Skeleton(net, (activation,) if heads.assumed(net) else ())
        if self.spec is not None:
            made = Skeleton(self._specified(name, self.spec))
        else:
            try:
                made = identify.built(name, state, self.given)
            except ValueError as error:
                raise CheckpointError(f"{file} cannot be used: {error}.") from None
        refuse_unfit(made.net, state, file)
        return made

    def _specified(self, name: str, spec: Mapping[str, Any]) -> nn.Module:
        """The net a card describes; its words are no better than whoever wrote them."""
        try:
            return build.build(name, spec)
        except RequestError:
            raise
        except (TypeError, ValueError, RuntimeError, LookupError, AttributeError, ArithmeticError):
            raise RequestError(
                f"The card of {self.of} describes a {name} that cannot be built; correct its spec."
            ) from None


def parse(card: Mapping[str, Any], name: str, key: str) -> Description:
    """The description in a card that is called `name`. Raises `RequestError` where it names no known network."""
    known = [entry.name for entry in catalog.TORCHVISION] + [f"lecture/{name}" for name in lecture.NETS]
    wanted = str(card.get("net") or "")
    timm = wanted.startswith("timm/") and timm_nets.known(wanted.removeprefix("timm/"))
    if wanted and wanted not in known and not timm:
        near = difflib.get_close_matches(wanted, known, n=1)
        hint = f"write {near[0]}" if near else "correct it"
        raise RequestError(f"The card {name} names the network {wanted!r}, which is unknown; {hint}.")
    spec = card.get("spec")
    return Description(
        wanted, assumed.parse(card.get("assumed")), spec if isinstance(spec, dict) and wanted else None, key
    )
