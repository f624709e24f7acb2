"""A convolution as the few lines of PyTorch that give the same numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnviz.script import call, script
from cnnviz.signal.convolve import Sliding
from cnnviz.signal.gabor import Gabor
from cnnviz.signal.kernels import Kernel

_TORCH_MODE = {"reflect": "reflect", "replicate": "replicate", "wrap": "circular"}
_IMPORTS = ("import cnnviz", "from cnnviz.signal import gabor, pictures")


def as_pytorch(
    weights: np.ndarray,
    sliding: Sliding | None = None,
    bias: np.ndarray | None = None,
    *,
    relu: bool = False,
    pooling: str | None = None,
    pool_size: int = 2,
    pool_stride: int = 0,
    white: int = 255,
    flip: bool = False,
    source: str = "",
) -> str:
    """A script that computes the same maps, `out` (F, H', W'), for pixels from 0 to `white` (255 or 1).

    `source` are the lines that make `picture`, a PIL image; a photo from a file by default.
    `weights` is (F, C, k, k) with one (gray) or three (RGB) channels; `pooling` is "max", "average" or None; `flip`
    makes it true convolution, where `F.conv2d` is cross-correlation.
    """
    sliding = sliding or Sliding()
    bias = (np.zeros(len(weights)) if bias is None else bias) * (white / 255)
    colour = "RGB" if weights.shape[1] == 3 else "L"
    scale = [] if white == 255 else [f"x = x * ({white} / 255)  # pixels from 0 to {white}"]
    lines = [
        "import numpy as np",
        "import torch",
        "import torch.nn.functional as F",
        *(source or 'from PIL import Image\n\npicture = Image.open("photo.jpg")').splitlines(),
        f'x = torch.from_numpy(np.array(picture.convert("{colour}"), np.float32))',
        "x = x.permute(2, 0, 1)[None]  # (1, 3, H, W)" if colour == "RGB" else "x = x[None, None]  # (1, 1, H, W)",
        *scale,
        f"kernel = torch.tensor({_literal(weights)})  # {tuple(weights.shape)}",
        *(["kernel = kernel.flip(2, 3)  # true convolution: rotated by 180 degrees"] if flip else []),
        f"bias = torch.tensor({_literal(bias)})",
    ]
    padding = sliding.padding
    if padding and sliding.mode != "zero":
        lines.append(f'x = F.pad(x, ({padding},) * 4, mode="{_TORCH_MODE[sliding.mode]}")')
        padding = 0
    lines.append(
        f"out = F.conv2d(x, kernel, bias, stride={sliding.stride}, padding={padding}, dilation={sliding.dilation})[0]"
    )
    if relu:
        lines.append("out = F.relu(out)")
    if pooling:
        window = f"{pool_size}, stride={pool_stride}" if pool_stride else f"{pool_size}"
        lines.append(f"out = F.{'max' if pooling == 'max' else 'avg'}_pool2d(out[None], {window})[0]")
    return "\n".join([*lines, "print(out.shape, out.min().item(), out.max().item())", ""])


def gabor_as_python(
    gabor: Gabor, opening: str = 'photo = cnnviz.Photo.open("photo.jpg")', directions: bool = False, drawn: str = ""
) -> str:
    """A script that computes the same response magnitude, `response` (256, 256), or the `directions` of all places.

    These are in an `array` (2, 256, 256) as they are downloaded, too. `opening` is the line of the photo; `drawn` is
    the name of a drawn image, which needs none.
    """
    last = ["response = gabor.response(gray, wave)  # root of real squared plus imaginary squared"]
    if directions:
        last = [
            "directions = gabor.orientations(gray, wave)",
            "array = np.stack([directions.angle, directions.strength])  # (2, 256, 256): degrees 0..180, strengths",
        ]
    imports: Sequence[str]
    if drawn:
        gray, imports, opening = f"gray = pictures.DRAWN[{drawn!r}](pictures.SIDE)", _IMPORTS[1:], ""
    else:
        gray, imports = "gray = pictures.gray(pictures.square(photo))", _IMPORTS
    return script(
        gray,
        f"wave = gabor.Gabor(frequency={gabor.frequency:g}, theta={gabor.theta:g}, sigma={gabor.sigma:g}, "
        f"gamma={gabor.gamma:g}, phase={gabor.phase:g})",
        "kernel = gabor.kernel(wave)  # complex: real and imaginary part",
        *last,
        "",
        imports=["import numpy as np", *imports] if directions else imports,
        opening=opening,
    )


def bank_as_python(thetas: Sequence[float], frequencies: Sequence[float], sigmas: Sequence[float], opening: str) -> str:
    """A script that computes the responses of a whole bank, `responses` (F, 128, 128); `opening` opens the photo."""
    return script(
        "gray = pictures.gray(pictures.square(photo, 128))",
        f"bank = {call('gabor.bank', [*thetas], [*frequencies], [*sigmas])}",
        "responses = gabor.responses(gray, bank)  # one (128, 128) map for each filter",
        "",
        imports=_IMPORTS,
        opening=opening,
    )


def kernel_table(kernels: dict[str, Kernel]) -> list[dict[str, object]]:
    """The kernels as plain values, for a component or JSON."""
    return [
        {
            "name": k.name,
            "title": k.title,
            "weights": [list(r) for r in k.rows],
            "sentence": k.sentence,
            "shows": k.shows,
        }
        for k in kernels.values()
    ]


def _literal(values: np.ndarray) -> str:
    """Nested lists of shortest decimals that read back as the same float32."""
    if np.ndim(values):
        return "[" + ", ".join(_literal(v) for v in values) + "]"
    return repr(float(str(np.float32(values))))
