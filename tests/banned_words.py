"""Words that no reader of the pages, the errors, the help or the documents meets, each with what stands instead.

They are the words of an earlier version, personification, and names that a student could not search for.
"""

from __future__ import annotations

import re

BEFORE, AFTER = r"(?<![\w`./=:{<\[-])", r"(?![\w`\"'=/(\]-]|[.:]\w)"  # no part of a name, a key or an option
WHO = r"(?:net|network|model|filter|channel|layer|unit|number|value|map|method|activation|neuron)s?"

# what is searched for, without regard to capitals -> what stands instead
BANNED: dict[str, str] = {
    rf"{BEFORE}nets?\b{AFTER}": "network, or model",
    rf"{BEFORE}pictures?\b{AFTER}": "image",
    rf"\b{WHO} (?:never |itself |really |hardly |has |have |would |that )?"
    r"(?:sees?|saw|looks?|looked|says?|said|speaks?|spoke|asks?|asked|answers?|answered|likes?|wants?|minds?|"
    r"knows?|forgets?|forgot|tells?|told|learns? to see|prefers?)\b": "receives, predicts, responds to, has",
    r"\bspoke for\b|\bspeaks? (?:for|against)\b": "supports, or is evidence for (against)",
    r"\bpleas(?:e|es|ed) (?:it|by|most|them)\b": "maximise; top-activating",
    r"\banswers? to\b|\banswer(?:s|ed)? most\b|\bloses? the answer\b": "respond to",
    r"\bforgot\b": "randomised, or removed",
    r"\bsanity dial\b|\bturning the dial\b": "Sanity check (randomised weights)",
    r"\ba blob in the middle\b": "Baseline: centred Gaussian",
    r"^rather than$": "Contrast with class",
    r"\bwhat it says\b": "Prediction",
    r"\bknobs?\b": "settings, or options",
    r"^beside it$": "Compare with",
    r"\bwarm pieces?\b|\bpieces? (?:is|are) warm\b": "Regions above the threshold",
    r"\ball stages\b": "All layers",
    r"\bdown to the numbers\b": "Contributions",
    r"\bcame about\b": "is computed",
    r"\bgrow(?:n|ing|s)? the\b|\bgrowing(?! with)\b|\bhow this filter grew\b": "optimising, optimised",
    r"\bgo(?:es)? on\b": "resume, continue",
    r"\blook alike\b|\balike across\b": "near-duplicates",
    r"\bribbons?\b": "too long and thin",
    r"\bbreaks off\b|\bbroke off\b": "is incomplete; failed",
    r"\bknown kind\b": "an image that can be read",
    r"\bliveliest\b": "of largest variance, or most active",
    r"\botsu.s choice\b": "Otsu's threshold",
    r"\bshortcuts?\b": "skip connection",
    r"\bfind a rate\b": "Learning rate finder",
    r"\bat rest\b": "non-trainable",
    r"\bdraw them\b": "Generate and set up training",
    r"\bjudged? (?:on|a|again)\b|\bjudges\b": "evaluate, evaluated on",
    r"\bbegin with (?:the weights|:)": "Initial weights; Preset",
    r"\bmaps there and back\b": "Forward/backward pass",
    r"\bflip down\b|\bmirrored\b": "Vertical flip, horizontal flip",
    r"\bstir(?:red)? colours\b": "Decorrelate colours",
    r"\bprice of\b": "penalty",
    r"\bhalved canvas(?:es)?\b": "Coarse-to-fine levels",
    r"\ba wave under a bell\b": "a sine wave under a Gaussian",
    r"\broundness\b": "aspect ratio",
    r"\bputs? out\b": "has output, has feature maps",
    r"\bstrangers\b": "other people, or what is turned off",
    r"\bone.s own\b": "your own",
    r"^boxes$": "Regions",
    r"^(?-i:Colours)\s*$": "Colour map",
    r"^otsu.s threshold$": "Auto threshold (Otsu)",
    r"^its values$|^lowest$|^highest$": "Values; Minimum; Maximum",
}


def faults(text: str) -> list[str]:
    """Each banned word in a text, with what stands around it and what to write instead."""
    return [
        f"{text[max(0, hit.start() - 30) : hit.end() + 30]!r}: write {instead}"
        for pattern, instead in BANNED.items()
        for hit in re.finditer(pattern, text, re.I)
    ]
