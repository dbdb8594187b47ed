"""ACE finds a planted patch and says that the class listens to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from lens_core.ace import AceResult, AceSettings, ace, is_kept
from lens_core.atlas import LensError
from lens_core.classifier import Classifier, load_classifier
from lens_core.segments import SegmentSettings

PX = 64
RED, GREEN, BLUE = 0, 1, 2
SETTINGS = AceSettings(
    SegmentSettings((12, 30)), n_clusters=5, n_random=60, n_repeats=4, max_members=20
)


def scene(rng: np.random.Generator, patches: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Mottled grey with a square of each colour somewhere, and where these are: (3, h, w)."""
    pixels = np.full((3, PX, PX), 0.45) + 0.05 * rng.standard_normal((1, PX, PX))
    where = np.zeros((3, PX, PX), dtype=bool)
    corners = rng.permutation([(4, 4), (4, 36), (36, 4), (36, 36)])
    for colour, (y, x) in zip(patches, corners, strict=False):
        y, x = y + rng.integers(0, 6), x + rng.integers(0, 6)
        place = (slice(y, y + 16), slice(x, x + 16))
        for channel in range(3):
            pixels[(channel, *place)] = 0.9 if channel == colour else 0.1
        where[(colour, *place)] = True
    return torch.from_numpy(pixels.clip(0, 1)).float(), torch.from_numpy(where)


@pytest.fixture(scope="module")
def classifier(tiny_model: str) -> Classifier:
    """Counts red for class 0, green for 1, blue for 2."""
    return load_classifier(tiny_model, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def planted() -> tuple[Tensor, Tensor]:
    """Twelve pictures with a red and a green patch, and the places of the patches."""
    rng = np.random.default_rng(0)
    scenes = [scene(rng, (RED, GREEN)) for _ in range(12)]
    return torch.stack([s[0] for s in scenes]), torch.stack([s[1] for s in scenes])


@pytest.fixture(scope="module")
def random_images() -> Tensor:
    rng = np.random.default_rng(1)
    picks = [tuple(rng.permutation(3)[: rng.integers(0, 3)].tolist()) for _ in range(12)]
    return torch.stack([scene(rng, pick)[0] for pick in picks])


@pytest.fixture(scope="module")
def found(
    classifier: Classifier, planted: tuple[Tensor, Tensor], random_images: Tensor
) -> AceResult:
    return ace(classifier, planted[0], RED, random_images, SETTINGS)


def precision(result: AceResult, concept: int, where: Tensor) -> float:
    """Share of a concept's area that lies on the places (n, h, w), over all pictures."""
    covers = torch.stack([result.cover(concept, image) for image in range(len(where))])
    return float((covers & where).sum() / covers.sum())


def test_the_planted_patch_is_a_concept_and_the_class_rises_along_it(
    found: AceResult, planted: tuple[Tensor, Tensor]
) -> None:
    on_red = [precision(found, k, planted[1][:, RED]) for k in range(len(found.concepts))]
    best = int(np.argmax(on_red))
    assert on_red[best] > 0.8
    concept = found.concepts[best]
    assert concept.n_images == 12
    assert concept.score == 1.0
    assert concept.score == found.concepts[0].score, "none has a higher score"


def test_a_patch_of_another_class_speaks_against_it(
    found: AceResult, planted: tuple[Tensor, Tensor]
) -> None:
    on_green = [precision(found, k, planted[1][:, GREEN]) for k in range(len(found.concepts))]
    best = int(np.argmax(on_green))
    assert on_green[best] > 0.8
    assert found.concepts[best].score == 0.0


def test_scores_are_sorted_and_members_are_nearest_first(found: AceResult) -> None:
    scores = [concept.score for concept in found.concepts]
    assert scores == sorted(scores, reverse=True)
    for concept in found.concepts:
        assert 4 <= len(concept.members) <= min(20, concept.n_segments)
        assert is_kept(concept.n_segments, concept.n_images, 12)
    assert len(found.concepts) + found.n_dropped <= 5


def test_it_is_the_same_again(
    classifier: Classifier,
    planted: tuple[Tensor, Tensor],
    random_images: Tensor,
    found: AceResult,
) -> None:
    again = ace(classifier, planted[0], RED, random_images, SETTINGS)
    assert [c.members.tolist() for c in again.concepts] == [
        c.members.tolist() for c in found.concepts
    ]
    assert [c.tcav.p_value for c in again.concepts] == [c.tcav.p_value for c in found.concepts]


@pytest.mark.parametrize(
    ("n_segments", "n_images", "kept"),
    [
        (26, 26, True),  # from more than half of 50 pictures
        (25, 25, False),  # half is not more than half, and few segments
        (51, 13, True),  # more than a quarter, and more segments than pictures
        (50, 13, False),
        (60, 12, False),
        (101, 1, True),  # more than twice as many segments as pictures
        (100, 1, False),
    ],
)
def test_the_rule_for_keeping_a_cluster(n_segments: int, n_images: int, kept: bool) -> None:
    assert is_kept(n_segments, n_images, 50) is kept


def test_too_few_pictures_are_refused_in_one_line(
    classifier: Classifier, planted: tuple[Tensor, Tensor]
) -> None:
    some = planted[0][:2]
    with pytest.raises(LensError, match=r"fewer than 500 clusters: give more pictures"):
        ace(classifier, some, RED, some, AceSettings(n_clusters=500))
    with pytest.raises(LensError, match="random segments are too few"):
        ace(classifier, some, RED, some, AceSettings(n_clusters=4, n_random=7))
