"""What networks compute that are no image classifiers, told by how their tensors are called."""

from __future__ import annotations

import re
from collections.abc import Iterable

_TRAIN = "so its last layer gives an embedding and no logits; train an output layer for classes and save the whole"
_OTHER = "choose a network with one logit for each class"
PRETRAINED: tuple[tuple[str, str], ...] = (  # they may have the very tensors of a classifier
    (r"(^|\.)encoder_[qk]\.", f"pretrained without classes, as by MoCo, {_TRAIN}"),
    (r"(^|\.)(base|momentum)_encoder\.", f"pretrained without classes, as by MoCo v3, {_TRAIN}"),
    (r"(^|\.)(online|target)_(encoder|network)", f"pretrained without classes, as by BYOL, {_TRAIN}"),
    (r"(^|\.)head\.last_layer\.(weight_[gv]|parametrizations)", f"pretrained without classes, as by DINO, {_TRAIN}"),
    (r"(^|\.)encoder\.fc\.[\s\S]*(^|\.)predictor\.", f"pretrained without classes, as by SimSiam, {_TRAIN}"),
)
OTHERS: tuple[tuple[str, str], ...] = (
    (
        r"(^|\.)visual\.(attnpool|proj$|trunk|conv1|class_embed)",
        f"of CLIP, which compares images and text; {_OTHER}",
    ),
    (r"(^|\.)(roi_heads?|rpn|proposal_generator|rpn_head|bbox_head)\.", f"for detection; {_OTHER}"),
    (r"(^|\.)head\.(classification|regression)_head\.|(^|\.)anchors$", f"for detection; {_OTHER}"),
    (
        r"(^|\.)(segmentation_head|decode_head|aux_classifier|high_classifier)\.",
        f"for segmentation; {_OTHER}",
    ),
    (r"(^|\.)(classifier\.0\.convs\.|outc\.conv\.)", f"for segmentation; {_OTHER}"),
    (r"(^|\.)backbone\.layer4\.0\.conv1\.[\s\S]*(^|\.)classifier\.4\.weight$", f"for segmentation; {_OTHER}"),
    (
        r"\.(self_attn|attention\.attention|attn\.(qkv|in_proj_weight|relative_position_bias_table))($|\.)|cls_token$",
        "with attention, a transformer and no CNN; choose a convolutional network",
    ),
    (r"(^|\.)_flat_param$", "in the shards of FSDP; save it whole, with StateDictType.FULL_STATE_DICT"),
)


def pretrained(names: Iterable[str]) -> str:
    """How a network was pretrained that has no classes, as the end of a sentence; "" where no name tells."""
    return _told(PRETRAINED, names)


def other(names: Iterable[str]) -> str:
    """What a network that fits none of the known ones is for, as the end of a sentence; "" where no name tells."""
    return _told(OTHERS, names)


def _told(table: tuple[tuple[str, str], ...], names: Iterable[str]) -> str:
    known = "\n".join(names)
    return next((words for pattern, words in table if re.search(pattern, known, re.MULTILINE)), "")
