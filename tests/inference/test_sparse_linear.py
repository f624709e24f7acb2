"""Linear layers that read only the weights that matter on their way back."""

import pytest
import torch
import torchvision
from torch import fx, nn

from cnnviz.inference.cut import cut
from cnnviz.inference.sparse_linear import SparseBack, sparse


@pytest.mark.parametrize("share", [0.0, 0.001, 0.4, 1.0], ids="{} of the rows".format)
@pytest.mark.parametrize("threads", [1, 2])
def test_the_gradient_is_torch_s_however_many_rows_have_a_say(share, threads):
    torch.manual_seed(0)
    linear = nn.Linear(700, 500)
    x = torch.randn(1, 700, requires_grad=True)
    gradient = torch.randn(1, 500) * (torch.arange(500) < share * 500)
    (expected,) = torch.autograd.grad(linear(x), x, gradient)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        (found,) = torch.autograd.grad(SparseBack(linear)(x), x, gradient)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_several_photos_and_none_that_wants_a_gradient_pass_as_ever():
    torch.manual_seed(0)
    linear = nn.Linear(30, 20)
    layer = SparseBack(linear)
    many = torch.randn(3, 30, requires_grad=True)
    (found,) = torch.autograd.grad(layer(many).sum(), many)
    torch.testing.assert_close(found, linear.weight.sum(0).expand(3, -1))
    assert torch.equal(layer(many[:1].detach()), linear(many[:1]))
    torch.testing.assert_close(layer(many[0]), linear(many[0]))


def test_only_large_layers_are_exchanged():
    net = nn.Sequential(nn.Linear(2048, 1024), nn.ReLU(), nn.Linear(1024, 10)).eval()
    graph = fx.symbolic_trace(net)
    sparse(graph)
    kinds = [type(graph.get_submodule(str(node.target))) for node in graph.graph.nodes if node.op == "call_module"]
    assert kinds == [SparseBack, nn.ReLU, nn.Linear]
    x = torch.randn(1, 2048)
    assert torch.equal(graph(x), net(x))


def test_a_net_s_head_answers_and_is_differentiated_as_the_net_itself():
    torch.manual_seed(0)
    net = torchvision.models.alexnet(weights=None).eval().requires_grad_(False)
    halves, x = cut(net, "features.11"), torch.randn(1, 3, 64, 64)
    (maps,) = halves.trunk(x)
    maps = maps.detach().requires_grad_()
    (found,) = torch.autograd.grad(halves.head(maps)[0, 3], maps)
    rest = nn.Sequential(net.features[12:], net.avgpool, nn.Flatten(), net.classifier)
    (expected,) = torch.autograd.grad(rest(maps)[0, 3], maps)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-8)
    assert expected.abs().max() > 1e-6
