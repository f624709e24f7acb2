"""A live network is asked as it is, and neither it nor its training notices."""

from __future__ import annotations

import threading
import time

import pytest
import torch
from torch import nn
from torch.ao.quantization import quantize_dynamic

from cnnviz.inference import live
from cnnviz.inference.live import LiveError, LiveNet
from cnnviz.models.preprocess import Preprocess

SMALL = Preprocess(32, 32)


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 3),
    )  # fmt: skip


@pytest.fixture
def net() -> nn.Module:
    return small().train()


def answer(model, x):
    with torch.no_grad():
        return model.net(x)


def expected(net, x):
    """What the network gives in evaluation mode."""
    training = net.training
    with torch.no_grad():
        found = net.eval()(x)
    net.train(training)
    return found


CHANGES = {
    "optimizer": lambda net: _step(net),
    "load_state_dict": lambda net: net.load_state_dict({k: v + 1 for k, v in net.state_dict().items()}),
    "assigned": lambda net: net.load_state_dict({k: v + 1 for k, v in net.state_dict().items()}, assign=True),
    "another parameter": lambda net: setattr(net[6], "weight", nn.Parameter(torch.ones(3, 8))),
    "another head": lambda net: net.__setitem__(6, nn.Linear(8, 5)),
    "another activation": lambda net: net.__setitem__(2, nn.Tanh()),
    "running mean": lambda net: net.train()(torch.randn(4, 3, 32, 32)),
    ".data": lambda net: net[0].weight.data.mul_(2),
    "numpy": lambda net: net[0].weight.detach().numpy().__imul__(2),
    "an attribute": lambda net: setattr(net[0], "stride", (2, 2)),
}
UNCOUNTED = (".data", "numpy", "an attribute")


def _step(net):
    net.zero_grad()
    net(torch.randn(4, 3, 32, 32)).sum().backward()
    torch.optim.SGD(net.parameters(), 0.1).step()


@pytest.mark.parametrize("change", CHANGES)
def test_an_answer_is_never_that_of_older_weights(net, change, monkeypatch):
    if change in UNCOUNTED:
        monkeypatch.setattr(live, "SHARE", 0)  # otherwise within seconds
    own, x = LiveNet(net, preprocess=SMALL), torch.randn(2, 3, 32, 32)
    before = own.model()
    assert own.model() is before
    assert torch.allclose(answer(before, x), expected(net, x), atol=1e-6)
    was = answer(before, x)
    CHANGES[change](net)
    assert torch.equal(answer(before, x), was)  # whoever asked before is answered for that moment
    after = own.model()
    assert after.fingerprint != before.fingerprint
    assert torch.allclose(answer(after, x), expected(net, x), atol=1e-5)
    assert len(after.labels) == net[6].out_features
    assert own.model() is after


def test_what_is_not_counted_is_seen_when_all_numbers_are_compared_again(net):
    own = LiveNet(net, preprocess=SMALL)
    before = own.model()
    net[0].weight.data.mul_(2)
    patience = time.monotonic() + 30
    while own.model() is before and time.monotonic() < patience:
        time.sleep(0.05)
    assert own.model() is not before


def test_nothing_of_the_network_changes(net):
    heard: list[nn.Module] = []
    net[0].weight.requires_grad_(False)
    net(torch.randn(4, 3, 32, 32)).sum().backward()
    for part in net.modules():
        part.register_forward_hook(lambda part, *_: heard.append(part))
        part.register_full_backward_hook(lambda part, *_: heard.append(part))
    state = {name: value.clone() for name, value in net.state_dict().items()}
    gradients = {name: None if p.grad is None else p.grad.clone() for name, p in net.named_parameters()}
    versions = [p._version for p in (*net.parameters(), *net.buffers())]
    kept, drawn = {name: dict(vars(part)) for name, part in net.named_modules()}, torch.get_rng_state()
    own = LiveNet(net, preprocess=SMALL)
    model = own.model()
    model.net(
        torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1), requires_grad=True)
    ).sum().backward()
    assert not heard
    assert all(torch.equal(state[name], value) for name, value in net.state_dict().items())
    assert versions == [p._version for p in (*net.parameters(), *net.buffers())]
    for name, p in net.named_parameters():
        assert (p.grad is None) == (gradients[name] is None)
        assert p.grad is None or torch.equal(p.grad, gradients[name])
        assert p.requires_grad == (name != "0.weight")
    for name, part in net.named_modules():
        assert part.training
        assert dict(vars(part)) == kept[name]
    assert torch.equal(drawn, torch.get_rng_state())
    assert "hooks of 8 of its modules are not run" in model.source


def test_training_in_another_thread_ends_with_the_very_same_weights():
    def trained(asked: bool) -> dict[str, torch.Tensor]:
        net = small().train()
        rate = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)
        draw, ended = torch.Generator().manual_seed(1), threading.Event()
        seen: set[str] = set()

        def ask() -> None:
            own = LiveNet(net, preprocess=SMALL)
            while not ended.is_set():
                model = own.model()
                seen.add(model.fingerprint)
                answer(model, torch.zeros(1, 3, 32, 32))

        asking = threading.Thread(target=ask)
        if asked:
            asking.start()
        torch.manual_seed(2)  # dropout draws from it
        for step in range(60):
            rate.zero_grad()
            nn.functional.cross_entropy(
                net(torch.randn(16, 3, 32, 32, generator=draw)), torch.arange(16) % 3
            ).backward()
            rate.step()
            if asked and step % 10 == 0:
                time.sleep(0.02)
        ended.set()
        if asked:
            asking.join()
            assert len(seen) > 1
        return net.state_dict()

    alone, watched = trained(False), trained(True)
    assert all(torch.equal(alone[name], watched[name]) for name in alone)


def test_weights_that_never_keep_still_are_said_so(net, monkeypatch):
    own = LiveNet(net, preprocess=SMALL)
    monkeypatch.setattr(live, "PATIENCE", 0.05)
    whole, real = live._now, net[0].bias

    def late(net):
        found = whole(net)
        with torch.no_grad():
            real.add_(1)
        return found

    monkeypatch.setattr(live, "_now", late)
    with torch.no_grad():
        real.add_(1)
    with pytest.raises(LiveError, match="change faster than they can be read"):
        own.model()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_another_precision_is_asked_in_float32_and_stays_what_it_is(net, dtype):
    x, wanted = torch.randn(2, 3, 32, 32), expected(net, torch.zeros(1, 3, 32, 32))
    model = LiveNet(net.to(dtype), preprocess=SMALL).model()
    assert net[0].weight.dtype == dtype
    assert answer(model, x).dtype == torch.float32
    assert torch.allclose(answer(model, torch.zeros(1, 3, 32, 32)), wanted, atol=2e-2)


def test_parallel_and_compiled_networks_are_asked_as_the_one_inside(net):
    for wrapped in (nn.DataParallel(net), torch.compile(net)):
        assert LiveNet(wrapped, preprocess=SMALL).net is net


def scripted():
    return torch.jit.trace(small().eval(), torch.zeros(1, 3, 32, 32))


REFUSED = {
    "is a torch.nn.Module, not OrderedDict": lambda: LiveNet(small().state_dict()),
    "TorchScript hides its operations": lambda: LiveNet(scripted()),
    "hand over the nn.Module that it": lambda: LiveNet(nn.Sequential(scripted(), nn.Flatten())),
    "in float32 that it was made from": lambda: LiveNet(quantize_dynamic(small(), {nn.Linear})),
    "run it once on a batch": lambda: LiveNet(nn.Sequential(nn.LazyConv2d(4, 3))),
    "on the meta device": lambda: LiveNet(small().to("meta")),
    "There are 2 labels for 3 classes": lambda: LiveNet(small(), labels=["a", "b"], preprocess=SMALL),
    "has other characters": lambda: LiveNet(small(), name="a/b"),
    "is a text, not int": lambda: LiveNet(small(), name=5),
    "gives a tensor (1, 8, 222, 222)": lambda: LiveNet(small()[:1]),
}


@pytest.mark.parametrize(("said", "ask"), REFUSED.items(), ids=REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_asked_is_refused_in_a_sentence(said, ask):
    with pytest.raises(live.RequestError) as caught:
        ask()
    assert said in str(caught.value)
    assert str(caught.value).endswith(".")


def test_labels_come_as_a_list_or_by_index_as_transformers_keeps_them(net):
    assert LiveNet(net, labels=["a", "b", "c"], preprocess=SMALL).model().labels == ("a", "b", "c")
    assert LiveNet(net, labels={0: "a", 2: "c"}, preprocess=SMALL).model().labels == ("a", "class 1", "c")
    kept = LiveNet(net, labels=(name for name in "abc"), preprocess=SMALL)
    _step(net)
    assert kept.model().labels == ("a", "b", "c")
