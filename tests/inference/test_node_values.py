"""The outputs of a trace's operations are those before anything wrote over them."""

import torch
from torch import nn

from cnnviz.inference.cut import traced
from cnnviz.inference.node_values import node_values


def test_what_an_operation_in_place_reads_is_kept_as_it_was():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2)).eval().requires_grad_(False)
    x = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    graph, end = traced(net, "1")
    values = {str(node.target): value for node, value in node_values(net, graph, end, x).items()}
    assert "2" not in values
    assert torch.equal(values["0"], net[0](x))
    assert torch.equal(values["1"], net[0](x).relu())
    assert (values["0"] < 0).any()
