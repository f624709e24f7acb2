"""The networks of Hugging Face's transformers that are torchvision's or timm's under other names, and these names.

transformers' own conversion scripts made them from timm's ResNet and from the ConvNeXt of its authors: the same
operations on the same tensors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from torch import Tensor

_RESNET_STEM = re.compile(r"^resnet\.embedder\.embedder\.(convolution|normalization)\.(\w+)$")
_RESNET = re.compile(
    r"^resnet\.encoder\.stages\.(\d+)\.layers\.(\d+)\.(layer\.(\d+)|shortcut)\.(convolution|normalization)\.(\w+)$"
)
_NORMS = {"convolution": "0", "normalization": "1"}
_CONVNEXT: tuple[tuple[str, str], ...] = (
    (r"^convnext(?:v2)?\.embeddings\.patch_embeddings\.", "stem.0."),
    (r"^convnext(?:v2)?\.embeddings\.layernorm\.", "stem.1."),
    (r"^convnext(?:v2)?\.encoder\.stages\.(\d+)\.downsampling_layer\.", r"stages.\1.downsample."),
    (r"^convnext(?:v2)?\.encoder\.stages\.(\d+)\.layers\.(\d+)\.layer_scale_parameter$", r"stages.\1.blocks.\2.gamma"),
    (r"^convnext(?:v2)?\.encoder\.stages\.(\d+)\.layers\.(\d+)\.dwconv\.", r"stages.\1.blocks.\2.conv_dw."),
    (r"^convnext(?:v2)?\.encoder\.stages\.(\d+)\.layers\.(\d+)\.layernorm\.", r"stages.\1.blocks.\2.norm."),
    (r"^convnext(?:v2)?\.encoder\.stages\.(\d+)\.layers\.(\d+)\.pwconv(\d)\.", r"stages.\1.blocks.\2.mlp.fc\3."),
    (r"^convnext(?:v2)?\.encoder\.stages\.(\d+)\.layers\.(\d+)\.grn\.", r"stages.\1.blocks.\2.mlp.grn."),
    (r"^convnext(?:v2)?\.layernorm\.", "head.norm."),
    (r"^classifier\.", "head.fc."),
)


def renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under the names of torchvision's ResNet or timm's ConvNeXt, where transformers' have others."""
    name = _naming(tensors)
    if name is None:
        return dict(tensors)
    return {name(key): value.flatten() if ".grn." in key else value for key, value in tensors.items()}


def _naming(tensors: Mapping[str, Tensor]) -> Callable[[str], str] | None:
    if "resnet.embedder.embedder.convolution.weight" in tensors:
        return _resnet
    if any(f"{name}.embeddings.patch_embeddings.weight" in tensors for name in ("convnext", "convnextv2")):
        return _convnext
    return None


def _resnet(key: str) -> str:
    if stem := _RESNET_STEM.match(key):
        return f"{'conv1' if stem[1] == 'convolution' else 'bn1'}.{stem[2]}"
    if block := _RESNET.match(key):
        stage, layer, _, number, kind, leaf = block.groups()
        inner = (
            f"{'conv' if kind == 'convolution' else 'bn'}{int(number) + 1}" if number else f"downsample.{_NORMS[kind]}"
        )
        return f"layer{int(stage) + 1}.{layer}.{inner}.{leaf}"
    return re.sub(r"^classifier\.1\.", "fc.", key)


def _convnext(key: str) -> str:
    for pattern, name in _CONVNEXT:
        if re.match(pattern, key):
            return re.sub(pattern, name, key)
    return key
