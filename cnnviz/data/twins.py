"""Images that show the same: saved again in another format or size, flipped, cropped, or both.

Whole images are compared by perceptual hashes (pHash: Zauner, 2010) and then by their thumbnails; crops are found by
local features (ORB: Rublee et al., 2011) that two images share, and then by laying one image over the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

SIDE = 256  # px of the longer side in which local features are looked for
THUMB = 32
BITS = 4  # two hashes that differ in no more bits may be the same picture
TONE = 0.05  # and are, if their thumbnails differ by no more than this share of their contrast on average
BLOCK = 256  # images compared with all others at a time
KEYPOINTS = 200
WORD = 4  # bytes of a descriptor that have to be equal for two keypoints to be compared at all
COMMON = 12  # keypoints with the same bytes from which on these tell nothing
VOTES = 4  # equal words that make two images candidates
MOST = 20_000  # images among which crops are looked for
NEAR = 48  # of 256 bits that may differ between the descriptors of one point in two images
POINTS = 10  # points that have to lie where one image, moved and scaled, has them in the other
SHIFT = 3.0  # px by which each may miss
TURN = 0.05  # radians by which it may be turned
OVERLAP = 0.5  # of the smaller image that has to lie in the other
ALIKE = 0.9  # correlation of the two where they lie on each other


@dataclass(frozen=True, eq=False)
class Keypoints:
    """Local features: float32 (K, 2), x and y in px of the image at 256 px, and their descriptors, uint8 (K, 32)."""

    points: np.ndarray = field(repr=False)
    marks: np.ndarray = field(repr=False)


NONE = Keypoints(np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8))


@dataclass(frozen=True, eq=False)
class Look:
    """What is remembered of an image: a thumbnail uint8 (32, 32), its keypoints, and those of its mirror image.

    A descriptor of a point says nothing about that point in a mirror.
    """

    thumb: np.ndarray = field(repr=False)
    keys: Keypoints = NONE
    mirrored: Keypoints = NONE


@dataclass(frozen=True)
class Twin:
    """Two images, by their places, that show the same: "same", "flipped", "cropped", or "mirrored" (both).

    `difference` is the mean distance of their thumbnails in gray levels; of a crop, that of the part they share.
    """

    one: int
    other: int
    kind: str
    difference: float


def look(gray: np.ndarray, local: bool = True) -> Look:
    """What is remembered of an image, uint8 (H, W) of at most 256 px; without keypoints unless `local`."""
    import cv2

    thumb = cv2.resize(gray, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    return Look(thumb, _keypoints(gray), _keypoints(np.ascontiguousarray(gray[:, ::-1]))) if local else Look(thumb)


def _keypoints(gray: np.ndarray) -> Keypoints:
    import cv2

    keypoints = cv2.ORB.create(KEYPOINTS, fastThreshold=8, edgeThreshold=16, patchSize=31)
    found, described = keypoints.detectAndCompute(gray, None)
    if described is None:
        return NONE
    return Keypoints(np.array([point.pt for point in found], np.float32), described.astype(np.uint8))


def find(looks: Sequence[Look], gray: Callable[[int], np.ndarray]) -> list[Twin]:
    """All pairs of images that show the same, each once, the most alike first.

    `gray` gives the image at a place as `look` had it; it is asked for those that may be crops of each other.
    """
    thumbs = np.array([one.thumb for one in looks], np.float32).reshape(-1, THUMB, THUMB)
    found = [Twin(i, j, "same", tone) for i, j, tone in _alike(thumbs, thumbs)]
    known = {(twin.one, twin.other) for twin in found}
    for i, j, tone in _alike(thumbs, thumbs[:, :, ::-1]):
        if (i, j) not in known:
            found.append(Twin(i, j, "flipped", tone))
            known.add((i, j))
    some = looks[:MOST]
    plain, mirrors = [one.keys for one in some], [one.mirrored for one in some]
    for kind, others in (("cropped", plain), ("mirrored", mirrors)):
        for i, j in _candidates(plain, None if others is plain else others):
            if (i, j) in known or (moved := _moved(plain[i], others[j])) is None:
                continue
            other = gray(j) if others is plain else np.ascontiguousarray(gray(j)[:, ::-1])
            if (shared := _laid(gray(i), other, moved)) is not None:
                found.append(Twin(i, j, kind, shared))
                known.add((i, j))
    return sorted(found, key=lambda twin: twin.difference)


def fingerprint(thumb: np.ndarray) -> int:
    """The 64-bit perceptual hash of a gray thumbnail (32, 32): which low frequencies lie above their median.

    pHash (Zauner, 2010).
    """
    import cv2

    waves = cv2.dct(np.ascontiguousarray(thumb, np.float32))[:8, :8].ravel()
    above = waves > np.median(waves[1:])  # the first is the mean brightness
    return int(np.packbits(above).view(">u8")[0])


def _alike(thumbs: np.ndarray, others: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Places i < j where a thumbnail looks as the other one does, and their mean difference."""
    hashes, against = (np.array([fingerprint(t) for t in some], np.uint64) for some in (thumbs, others))
    for start in range(0, len(hashes), BLOCK):
        block = hashes[start : start + BLOCK]
        apart = np.bitwise_count(block[:, None] ^ against[None, start:])  # (B, N - start)
        for i, j in zip(*np.nonzero(apart <= BITS), strict=True):
            a, b = start + int(i), start + int(j)
            if a >= b:
                continue
            tone = float(np.abs(thumbs[a] - others[b]).mean())
            if tone <= TONE * max(float(thumbs[b].std()), 1.0):
                yield a, b, tone


def _candidates(keys: Sequence[Keypoints], others: Sequence[Keypoints] | None = None) -> list[tuple[int, int]]:
    """Places i < j of images that share several words: the same four bytes at the same place of a descriptor.

    With `others`, those of the image at i and of the other at j.
    """
    several = [*keys, *(others or ())]
    owners = np.repeat(np.arange(len(several)), [len(one.marks) for one in several])
    if not len(owners):
        return []
    marks = np.concatenate([one.marks for one in several])
    votes: list[np.ndarray] = []
    for start in range(0, marks.shape[1], WORD):
        words = np.ascontiguousarray(marks[:, start : start + WORD]).view(np.uint32)[:, 0]
        votes.append(_sharing(words, owners, len(several)))
    pairs, counts = np.unique(np.concatenate(votes), return_counts=True)
    found = [divmod(int(pair), len(several)) for pair in pairs[counts >= VOTES]]
    if others is None:
        return found
    return [(i, j - len(keys)) for i, j in found if i < j - len(keys)]


def _sharing(words: np.ndarray, owners: np.ndarray, images: int) -> np.ndarray:
    """One number, i * images + j, for each two keypoints of images i < j with the same word that is not common."""
    order = np.argsort(words, kind="stable")
    words, owners = words[order], owners[order]
    found = []
    for step in range(1, COMMON):  # keypoints with the same word are neighbours now
        same = words[step:] == words[:-step]
        if not same.any():
            break
        one, other = owners[:-step][same], owners[step:][same]
        low, high = np.minimum(one, other), np.maximum(one, other)
        found.append((low * images + high)[low < high])
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _moved(one: Keypoints, other: Keypoints) -> np.ndarray | None:
    """The matrix (2, 3) that moves and scales the other image onto this one; None where it is another image.

    RANSAC over the keypoints that match.
    """
    import cv2

    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(other.marks, one.marks)
    close = [match for match in matches if match.distance <= NEAR]
    if len(close) < POINTS:
        return None
    source = other.points[[match.queryIdx for match in close]]
    target = one.points[[match.trainIdx for match in close]]
    moved, inside = cv2.estimateAffinePartial2D(source, target, ransacReprojThreshold=SHIFT)
    if moved is None or int(inside.sum()) < POINTS or abs(np.arctan2(moved[1, 0], moved[0, 0])) > TURN:
        return None
    return np.asarray(moved)


def _laid(gray: np.ndarray, over: np.ndarray, moved: np.ndarray) -> float | None:
    """The mean difference of two images where one, moved, lies on the other; None where they show different things."""
    import cv2

    size = gray.shape[1], gray.shape[0]
    laid = cv2.warpAffine(over, moved, size)
    there = cv2.warpAffine(np.ones_like(over), moved, size, flags=cv2.INTER_NEAREST) > 0
    scale = float(np.hypot(moved[0, 0], moved[1, 0]))
    smaller = min(gray.size, over.size * scale**2)
    a, b = gray[there].astype(np.float32), laid[there].astype(np.float32)
    if there.sum() < OVERLAP * smaller or min(a.std(), b.std()) < 1 or np.corrcoef(a, b)[0, 1] < ALIKE:
        return None
    return float(np.abs(a - b).mean())
