"""What sets one family of torchvision networks apart from the others, a row each. Needs no torch.

A new family is one row here and a row for each of its networks in `torchvision_nets.TORCHVISION`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Family(NamedTuple):
    """One family of torchvision networks.

    prefix      how the names of its networks begin
    marker      a tensor that tells its weights from those of the other families further down in the table
    head        where the output layer sits
    last        the beginning of a name -> the submodules of the last block of convolutions; the first that fits counts
    pool        the pooling before the head, where that is a module of its own
    classifier  the parts in place of the classifier under a new head, where they are more than the head itself
    recipe      the preset of its filter images
    arguments   what torchvision's constructor has to be told
    auxiliary   how the tensors of its training-time heads begin, which no answer needs
    alike       how the names of people's own files begin that take its preset too
    skips       whether its blocks add their input to their output
    """

    prefix: str
    marker: str
    head: str
    last: Mapping[str, tuple[str, ...]]
    pool: str | None = None
    classifier: tuple[str, ...] = ()
    recipe: str = "default"
    arguments: Mapping[str, bool] = {}
    auxiliary: tuple[str, ...] = ()
    alike: str = ""
    skips: bool = False


def family(name: str) -> Family | None:
    """The family of a network's name."""
    return next((row for row in FAMILIES if name.startswith(row.prefix)), None)


def preset(name: str) -> str:
    """The preset of the filter images of a network of that name, which may be that of a person's own file."""
    loose = (row for row in FAMILIES if row.alike and name.startswith(row.alike))
    row = family(name) or next(loose, None)
    return row.recipe if row else "default"


def last_block(name: str) -> tuple[str, ...]:
    """The submodules that make up a torchvision network's last block of convolutions."""
    row = family(name)
    return () if row is None else next((blocks for start, blocks in row.last.items() if name.startswith(start)), ())


def marked(tensors: Mapping[str, object]) -> tuple[str, ...]:
    """How the names of the networks begin whose weights have tensors of these names."""
    marker = next((row.marker for row in FAMILIES if row.marker in tensors), None)
    return tuple(row.prefix for row in FAMILIES if row.marker == marker)


_INCEPTION = {"aux_logits": False, "init_weights": True, "transform_input": True}
_RESNET = Family(
    "resnet", "layer1.0.conv1.weight", "fc", {"": ("layer4",)}, "avgpool", recipe="resnet", alike="resne", skips=True
)
FAMILIES: tuple[Family, ...] = (
    _RESNET,
    _RESNET._replace(prefix="resnext"),
    _RESNET._replace(prefix="wide_resnet"),
    Family(
        "densenet", "features.denseblock1.denselayer1.conv1.weight", "classifier",
        {"": ("features.denseblock4", "features.norm5")},
    ),
    Family(
        "inception", "Mixed_5b.branch1x1.conv.weight", "fc", {"": ("Mixed_7a", "Mixed_7b", "Mixed_7c")}, "avgpool",
        recipe="inception", arguments=_INCEPTION, auxiliary=("AuxLogits.",),
    ),
    Family(
        "googlenet", "inception3a.branch1.conv.weight", "fc", {"": ("inception5a", "inception5b")}, "avgpool",
        recipe="inception", arguments=_INCEPTION, auxiliary=("aux1.", "aux2."),
    ),
    Family(
        "regnet", "trunk_output.block1.block1-0.f.a.0.weight", "fc", {"": ("trunk_output.block4",)}, "avgpool",
        skips=True,
    ),
    Family("shufflenet", "stage2.0.branch2.0.weight", "fc", {"": ("stage4", "conv5")}),
    Family(
        "mnasnet", "layers.8.0.layers.0.weight", "classifier",
        {"": ("layers.12", "layers.13", "layers.14", "layers.15")}, recipe="mobilenet", skips=True,
    ),
    Family(
        "squeezenet", "features.3.squeeze.weight", "classifier.head",
        {
            "squeezenet1_0": ("features.12",),
            "squeezenet1_1": ("features.9", "features.10", "features.11", "features.12"),
        },
        "classifier.pool", ("pool", "flatten", "head"), "squeezenet",
    ),
    Family(
        "convnext", "features.1.0.layer_scale", "classifier.head", {"": ("features.6", "features.7")},
        classifier=("norm", "flatten", "head"), skips=True,
    ),
    Family(
        "mobilenet_v2", "features.0.0.weight", "classifier", {"": ("features.17", "features.18")}, recipe="mobilenet",
        alike="mobilenet", skips=True,
    ),
    Family(
        "mobilenet_v3", "features.0.0.weight", "classifier",
        {"mobilenet_v3_large": ("features.15", "features.16"), "mobilenet_v3_small": ("features.11", "features.12")},
        "avgpool", recipe="mobilenet", skips=True,
    ),
    Family(
        "efficientnet", "features.0.0.weight", "classifier",
        {"efficientnet_v2_s": ("features.6", "features.7"), "": ("features.7", "features.8")},
        "avgpool", recipe="mobilenet", skips=True,
    ),
    Family(
        "alexnet", "features.0.weight", "classifier", {"": ("features.6", "features.8", "features.10")}, "avgpool",
        recipe="vgg",
    ),
    Family(
        "vgg", "features.0.weight", "classifier",
        {
            "vgg11_bn": ("features.22", "features.23", "features.25", "features.26"),
            "vgg13_bn": ("features.28", "features.29", "features.31", "features.32"),
            "vgg16_bn": (
                "features.34", "features.35", "features.37", "features.38", "features.40", "features.41",
            ),
            "vgg19_bn": tuple(f"features.{i}" for i in range(40, 52)),
            "vgg11": ("features.16", "features.18"),
            "vgg13": ("features.20", "features.22"),
            "vgg16": ("features.24", "features.26", "features.28"),
            "vgg19": ("features.28", "features.30", "features.32", "features.34"),
        },
        "avgpool", recipe="vgg",
    ),
)  # fmt: skip
AUXILIARY = tuple(start for row in FAMILIES for start in row.auxiliary)
