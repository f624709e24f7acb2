"""A gradient that PyTorch cannot give is refused in one sentence, and told apart from one of zeros."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from cnnviz.inference.gradient import NoGradient, differentiated, of_input

UNDIFFERENTIATED = {
    "detached": lambda x: x.detach().sum(),
    "NumPy": lambda x: torch.from_numpy(x.numpy() * 2).sum(),
    "argmax": lambda x: x.argmax().float(),
    "without graph": lambda x: torch.zeros((), requires_grad=True) * 2,
}


@pytest.mark.parametrize("run", UNDIFFERENTIATED.values(), ids=UNDIFFERENTIATED)
def test_what_detaches_is_named_and_which_methods_need_no_gradient(run):
    x = torch.ones(1, 3, requires_grad=True)
    said = r"\(something on the way detaches it: .*occlusion, which need none\.$"
    with pytest.raises(NoGradient, match=said), differentiated():
        torch.autograd.grad(run(x), x)
    assert of_input(lambda x: run(x)[None], torch.ones(1, 3)) is None


def test_what_else_fails_is_said_and_no_other_error_is_hidden():
    part, x = nn.Linear(3, 3), torch.ones(1, 3, requires_grad=True)
    hook = part.register_forward_hook(lambda _, __, out: out.exp())
    y = checkpoint(part, x, use_reentrant=False).sum()
    hook.remove()  # what is computed again is then something else
    with pytest.raises(NoGradient, match=r"has no gradient here \(torch\.utils\.checkpoint"), differentiated():
        torch.autograd.grad(y, x)
    with pytest.raises(KeyError), differentiated():
        raise KeyError("a fault")


def test_the_gradient_of_an_input_is_autograds_also_where_it_is_zero():
    x = torch.randn(2, 3)
    with torch.inference_mode():
        assert torch.equal(of_input(lambda x: x**2, x), 2 * x)
        assert not of_input(lambda x: x * 0, x).any()
    assert not x.requires_grad
