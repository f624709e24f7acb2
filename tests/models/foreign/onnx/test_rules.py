"""Every operator is in a list with its inputs and attributes, and nothing else is read."""

from __future__ import annotations

import pytest

from cnnviz.models.foreign.graph import ForeignError
from cnnviz.models.foreign.onnx.rules import RULES, number, text, whole, wholes
from tests.models.foreign.onnx.made import flat, model, net, node, onnx, saved


def test_the_list_has_onnx_operators_and_their_attributes_only():
    for op, rule in RULES.items():
        versions = [
            schema for schema in onnx.defs.get_all_schemas_with_history() if schema.name == op and not schema.domain
        ]
        known = {name for schema in versions for name in schema.attributes} | {"end", "start"}
        assert versions, op
        assert rule.attributes <= known, op


def test_an_operator_without_a_rule_is_refused_by_name(tmp_path):
    with pytest.raises(ForeignError, match="'Einsum', which is not one of the"):
        net(saved(tmp_path, model(flat(node("Einsum", ["x"], ["m"], equation="ij->i")))))


def test_attributes_are_of_their_type():
    made = onnx_node(a=1, f=0.5, s="word", l=(1, 2))
    assert (whole(made, "a", 0), whole(made, "none", 7)) == (1, 7)
    assert (number(made, "f", 0.0), text(made, "s", ""), wholes(made, "l")) == (0.5, "word", (1, 2))
    for wrong in (lambda: whole(made, "f", 0), lambda: text(made, "a", ""), lambda: wholes(onnx_node(l=(0.5,)), "l")):
        with pytest.raises(ForeignError, match="impossible"):
            wrong()


def onnx_node(**attributes):
    from cnnviz.models.foreign.onnx.proto import Node

    return Node("Relu", "n", ("x",), ("y",), attributes)


def test_an_output_that_is_not_read_may_not_be_used(tmp_path):
    nodes = [node("MaxPool", ["x"], ["p", "where"], kernel_shape=[2, 2]), *flat(node("Relu", ["where"], ["m"]))]
    with pytest.raises(ForeignError, match="output 2 of MaxPool"):
        net(saved(tmp_path, model(nodes)))
    nodes = [node("MaxPool", ["x"], ["m", "where"], kernel_shape=[2, 2]), node("Flatten", ["m"], ["y"])]
    net(saved(tmp_path, model(nodes)))
