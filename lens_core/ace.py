"""ACE: concepts as groups of alike picture segments, scored by TCAV.

Ghorbani et al., NeurIPS 2019. Pictures of a class are cut into superpixels at several resolutions,
each is shown to the model as a picture of its own, activations are clustered, and the vector of
each cluster says how often the class's logit rises along it. The baseline that dictionaries are
compared with: parts are found in the picture, not in the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from lens_core.atlas import LensError, Track, no_track
from lens_core.classifier import Activations, Classifier
from lens_core.factorization.kmeans import KMeans, nearest
from lens_core.importance.tcav import TcavResult, tcav
from lens_core.segments import Segments, SegmentSettings, as_pictures, cut_segments

SIGNIFICANT_BELOW = 0.05


@dataclass(frozen=True)
class AceSettings:
    """The paper's settings (its section 4.1) where it gives them.

    Attributes
    ----------
    n_clusters
        Of K-Means over segments.
    max_members
        Segments nearest to a cluster's centre that are kept: the rest are outliers.
    n_random
        Segments of random pictures that vectors are learned against.
    n_repeats
        Vectors a concept, each against another half of the random segments.
    batch
        Segments shown to the model at once; bounds memory.
    """

    segments: SegmentSettings = field(default_factory=SegmentSettings)
    n_clusters: int = 25
    max_members: int = 40
    n_random: int = 200
    n_repeats: int = 10
    batch: int = 64
    seed: int = 0


@dataclass(frozen=True)
class AceConcept:
    """One cluster that was kept.

    Attributes
    ----------
    members
        (m,) numbers of its segments, the nearest to the centre first, outliers left out.
    n_segments, n_images
        Of the whole cluster, and the pictures that they come from.
    centre
        (d,) mean activation of the cluster.
    tcav
        Scores against random segments, and of chance.
    """

    members: Tensor
    n_segments: int
    n_images: int
    centre: Tensor
    tcav: TcavResult

    @property
    def score(self) -> float:
        """Mean TCAV score, 0 to 1."""
        return float(self.tcav.scores.mean())

    @property
    def significant(self) -> bool:
        """Whether scores differ from those of random vectors."""
        return self.tcav.p_value < SIGNIFICANT_BELOW


@dataclass(frozen=True)
class AceResult:
    """Concepts of a class, the highest score first.

    Attributes
    ----------
    segments
        All segments, those of no concept too.
    n_dropped
        Clusters that too few pictures or segments back.
    """

    concepts: tuple[AceConcept, ...]
    segments: Segments
    n_dropped: int

    def cover(self, concept: int, image: int) -> Tensor:
        """Where a concept's segments lie in a picture: (H, W) bool."""
        found = torch.zeros(self.segments.size_px, dtype=torch.bool)
        for member in self.concepts[concept].members.tolist():
            if int(self.segments.image[member]) == image:
                found |= torch.from_numpy(self.segments.full_mask(member))
        return found


def is_kept(n_segments: int, n_images: int, n_pictures: int) -> bool:
    """The paper's rule for a cluster (section 3): common, or less common and large.

    Segments come from more than half of the pictures; or from more than a quarter, and there are
    more segments than pictures; or there are more than twice as many segments as pictures.
    """
    often = n_images > n_pictures / 2
    at_times = n_images > n_pictures / 4 and n_segments > n_pictures
    return often or at_times or n_segments > 2 * n_pictures


def ace(
    classifier: Classifier,
    images: Tensor,
    class_id: int,
    random_images: Tensor,
    settings: AceSettings | None = None,
    track: Track = no_track,
) -> AceResult:
    """Find the concepts of a class.

    Parameters
    ----------
    images
        (n, 3, H, W) in [0, 1] of the class; the paper takes 50.
    class_id
        Index of its logit.
    random_images
        (m, 3, H, W) of anything; what concepts are told apart from.

    Raises
    ------
    LensError
        Fewer segments than clusters, or too few random segments for vectors.
    """
    settings = settings or AceSettings()
    segments = cut_segments(images, settings.segments, track)
    others = cut_segments(random_images, settings.segments, track)
    if len(segments) < settings.n_clusters:
        raise LensError(
            f"{len(images)} pictures give {len(segments)} segments, fewer than "
            f"{settings.n_clusters} clusters: give more pictures or ask for fewer clusters"
        )
    if min(len(others), settings.n_random) < 8:
        raise LensError(f"{len(others)} random segments are too few for vectors: give 8 or more")
    everything = torch.arange(len(segments))
    rows = _seen(classifier, images, segments, everything, settings, track)
    generator = torch.Generator().manual_seed(settings.seed)
    drawn = torch.randperm(len(others), generator=generator)[: settings.n_random].sort().values
    random_rows = _seen(classifier, random_images, others, drawn, settings, track)
    slope = _class_gradient(classifier, images, class_id, settings.batch)
    clusters = KMeans(settings.n_clusters, seed=settings.seed)
    clusters.fit(rows)
    labels, squares = nearest(rows, clusters.dictionary)
    found, n_dropped = [], 0
    for cluster, centre in enumerate(track(clusters.dictionary, "scoring", settings.n_clusters)):
        inside = (labels == cluster).nonzero()[:, 0]
        n_images = len(set(segments.image[inside.cpu()].tolist()))
        members = inside[squares[inside].argsort(stable=True)][: settings.max_members]
        # A vector cannot be learned from fewer than four, however common they are.
        if len(members) < 4 or not is_kept(len(inside), n_images, len(images)):
            n_dropped += len(inside) > 0
            continue
        scores = _score(slope, rows[members], random_rows, settings)
        found.append(AceConcept(members.cpu(), len(inside), n_images, centre, scores))
    found.sort(key=lambda concept: -concept.score)
    return AceResult(tuple(found), segments, n_dropped)


@torch.no_grad()
def _seen(
    classifier: Classifier,
    pictures: Tensor,
    segments: Segments,
    rows: Tensor,
    settings: AceSettings,
    track: Track,
) -> Tensor:
    """Pooled activations (m, d) of segments."""
    size, grey = classifier.preprocessing.input_px, classifier.preprocessing.mean
    parts = torch.split(rows, settings.batch)
    return torch.cat(
        [
            classifier.encode(as_pictures(pictures, segments, part, size, grey)).mean((2, 3))
            for part in track(parts, "looking at segments", len(parts))
        ]
    )


def _class_gradient(classifier: Classifier, images: Tensor, class_id: int, batch: int) -> Tensor:
    """Change of the class's logit as all positions move alike: (n, d)."""
    found = []
    for part in torch.split(images, batch):
        with torch.no_grad():
            said = classifier.activations(part)
        maps = said.maps.requires_grad_()
        with torch.enable_grad():
            logits = classifier.head_of(Activations(maps, said.negative, said.prefix))
            (gradient,) = torch.autograd.grad(logits[:, class_id].sum(), maps)
        found.append(gradient.sum((2, 3)))
    return torch.cat(found)


def _score(slope: Tensor, members: Tensor, others: Tensor, settings: AceSettings) -> TcavResult:
    # Scores look at derivatives alone, so those of the network, taken once, stand in for it.
    return tcav(
        lambda moved: (moved * slope).sum(1),
        torch.zeros_like(slope),
        members,
        others,
        settings.n_repeats,
        settings.seed,
    )
