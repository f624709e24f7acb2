"""Which calls of a pickle are let through."""

from __future__ import annotations

import pytest

from cnnviz.models import pickle_calls
from cnnviz.models.pickle_calls import Made, Name, OpcodeError, Storage, Tuple


def tuple_of(*items):
    return Tuple(items, 1, len(items))


VIEW = Name("torch._utils._rebuild_tensor_v2")


@pytest.mark.parametrize(
    ("function", "given"),
    [
        ("collections.OrderedDict", ()),
        ("collections.Counter", (Made("dict"),)),
        ("argparse.Namespace", ()),
        ("torch.FloatTensor", ()),
        ("torch.nn.modules.linear.Linear", (3,)),
        (VIEW, (Storage(6), 0, tuple_of(2, 3), tuple_of(3, 1), False, Made("dict"))),
        (VIEW, (Storage(6), 6, tuple_of(0, 3), tuple_of(3, 1))),
        (pickle_calls.SUBCLASS, (VIEW, Name("torch.Tensor"), tuple_of(Storage(1), 0, tuple_of(1), tuple_of(1)), None)),
    ],
)
def test_what_checkpoints_call_is_let_through(function, given):
    pickle_calls.refuse(Name(function), given)


@pytest.mark.parametrize(
    ("function", "given"),
    [
        ("collections.Counter", (Made(VIEW),)),  # which would walk over every number of a tensor
        ("builtins.bytearray", (Made(VIEW),)),  # a tensor of one number is a length
        ("torch.FloatTensor", (5,)),
        (VIEW, (Storage(6), 1, tuple_of(2, 3), tuple_of(3, 1))),
        (VIEW, (Storage(6), 0, tuple_of(2, -3), tuple_of(3, 1))),
        (VIEW, (Storage(6), 0, tuple_of(2), tuple_of(3, 1))),
        (VIEW, (Made("torch.FloatStorage"), 0, tuple_of(2), tuple_of(1))),
        (VIEW, ()),
        ("torch._utils._rebuild_of_tomorrow", ()),
        (pickle_calls.SUBCLASS, (VIEW, Name("torch.Tensor"), tuple_of(Storage(1), 0, tuple_of(9), tuple_of(1)), None)),
        (pickle_calls.SUBCLASS, (Name("builtins.bytearray"), Name("builtins.bytearray"), tuple_of(9), None)),
    ],
)
def test_what_makes_much_of_little_is_not(function, given):
    with pytest.raises((OpcodeError, TypeError)):
        pickle_calls.refuse(Name(function), given)
