"""Every page on networks of the program's own: it works, or says in one sentence why not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnnviz import places
from cnnviz.models.preprocess import Preprocess
from cnnviz.photo import Photo
from cnnviz.ui.server import startup
from cnnviz.ui.shell import navigation

LISTED = [file for group in navigation.PAGES.values() for file, *_ in group if places.page(file).is_file()]


class Net(nn.Module):
    """A shared layer, functional operations, two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.twice, self.fc = nn.Conv2d(3, 8, 5, 2), nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 3)

    def forward(self, x):
        maps = nn.functional.relu(self.twice(nn.functional.relu(self.stem(x))))
        maps = nn.functional.relu(self.twice(maps))
        return {"logits": self.fc(maps.mean((2, 3))), "maps": maps}


class Twisty(Net):
    """What it does depends on the image."""

    def forward(self, x):
        return super().forward(x * 2 if float(x.detach().mean()) < 0 else x)


@pytest.fixture(params=[Net, Twisty])
def key(request, visit):
    torch.manual_seed(0)
    engine = startup.START.engine()
    yield engine.add(request.param().train(), labels=["ant", "bee", "cat"], preprocess=Preprocess(48, 48))
    for mine in list(engine.live):
        engine.remove(mine)


@pytest.mark.parametrize("page", LISTED)
def test_a_page_works_or_says_in_one_sentence_why_not(page, key, visit):
    at = visit(page, model=key)
    assert not [one.message for one in at.exception]
    unlisted = {"The operations of this network depend on its input and cannot be listed."}
    assert {one.value for one in at.error} <= (unlisted if key == "live/Twisty" else set())
    assert at.selectbox("model").value == key
    said = [one.value.replace("\\", "") for one in at.caption]
    assert any("live in this program; input: 48 x 48 of 48 px" in one for one in said)


class Sorts(Net):
    """A layer's numbers are computed in a way that is not spelled out."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Identity()

    def forward(self, x):
        maps = self.last(nn.functional.relu(self.twice(self.stem(x))).sort(2).values)
        return self.fc(maps.mean((2, 3)))


def test_pages_go_on_where_the_arithmetic_of_a_network_is_refused(visit):
    torch.manual_seed(0)
    engine = startup.START.engine()
    key = engine.add(Sorts(), labels=["ant", "bee", "cat"], preprocess=Preprocess(48, 48))
    reason = "The arithmetic of sort cannot be spelled out; choose the layer before it."
    try:
        for page, how in (
            ("class_activation", {"proof": "Contributions", "at": "last"}),
            ("activations", {"layer": "last", "channel": "5", "unit": "5.2.3"}),
            ("filters", {"layer": "last"}),
        ):
            at = visit(page, model=key, **how)
            assert not [one.message for one in at.exception], page
            shown = [one.value for kind in (at.error, at.warning, at.info) for one in kind]
            assert [one for one in shown if "arithmetic" in one] == ([] if page == "filters" else [reason]), page
        at = visit("class_activation", model=key, proof="Contributions", at="twice")
        assert [one.value for one in at.error] == []
    finally:
        engine.remove(key)


class Severed(Net):
    """Its logits have no gradient."""

    def forward(self, x):
        return super().forward(x)["logits"].detach()


def diverged() -> nn.Module:
    net = Net()
    net.stem.weight.data[0, 0, 0, 0] = torch.nan
    return net


PROOFS = ("All layers", "Contributions", "Faithfulness", "Sanity check", "Compare with another")


@pytest.mark.parametrize("make", [Severed, diverged])
def test_networks_without_gradients_and_with_nan_leave_every_page_standing(make, visit, words):
    torch.manual_seed(0)
    engine = startup.START.engine()
    key = engine.add(make(), labels=["ant", "bee", "cat"], preprocess=Preprocess(48, 48))
    try:
        ways = [(page, {}) for page in ("home", "activations", "filters", "gabor")]
        ways += [("class_activation", {"proof": proof}) for proof in PROOFS]
        ways += [("class_activation", {"method": method}) for method in ("eigencam", "ablation", "saliency")]
        for page, how in ways:
            at = visit(page, model=key, **how)
            assert not [one.message for one in at.exception], (page, how)
            said = [one.value for one in at.error]
            assert all(one.endswith(".") for one in said), (page, how)
            if make is Severed and page == "class_activation" and how.get("method", "saliency") == "saliency":
                assert any("The class score has no gradient here" in one for one in said), how
            if make is Severed and page == "home":
                assert ">ant<" in words(at)
                assert len(said) == 1
            if make is diverged and page == "home":
                assert "The prediction is NaN: weights are NaN or overflow" in words(at)
                assert "nan" not in words(at)
    finally:
        engine.remove(key)


def test_photos_of_the_program_come_first_and_are_named_in_links(visit, monkeypatch):
    photo = Photo.of(Photo.sample("coffee").pixels[:200, :300].copy(), "mine.png", personal=False)
    monkeypatch.setitem(startup.LENT, "mine.png", photo)
    at = visit()
    assert at.session_state["photo"] == "mine.png"
    assert visit(photo="cat").session_state["photo"] == "cat"
    assert "Photo.open('mine.png')" in "".join(code.value for code in at.code)
