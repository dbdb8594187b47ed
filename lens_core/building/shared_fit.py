"""First pass for dictionaries that all classes share: sample every class, fit once, keep.

Each class gives as many activations as every other, however many images it has: up to a quota drawn
by seed, and a class that has fewer than the largest draw gives its own several times. So memory
holds `BuildSettings.shared_rows` activations and one class. What was fitted is stored in the atlas
at once: a build that goes on after an interruption fits nothing again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lens_core import crops
from lens_core.atlas import AtlasWriter, DictionaryInfo, Track
from lens_core.building.basis import fit_basis, new_method, relevance, sampled_positions
from lens_core.building.collect import ClassImages, collect
from lens_core.building.settings import BuildSettings
from lens_core.classifier import Classifier
from lens_core.factorization import Factorization, Units
from lens_core.factorization.saving import ABOUT, ARRAYS, from_files, to_files
from lens_core.images import ClassFolder, to_float


def folder_of(dictionary_id: str) -> str:
    """Where an atlas keeps a fitted shared dictionary and its pictures."""
    return f"shared/{dictionary_id}"


def shared_dictionaries(
    classifiers: Mapping[str, Classifier],
    infos: Sequence[DictionaryInfo],
    folders: Sequence[ClassFolder],
    root: Path,
    settings: BuildSettings,
    writer: AtlasWriter,
    track: Track,
) -> dict[str, Factorization]:
    """The fitted dictionaries of scope "shared", by id; fits and stores those not there yet.

    Raises
    ------
    LensError
        A picture cannot be read, none is predicted as its class, or the method cannot be fitted.
    """
    wanted = [info for info in infos if info.scope == "shared"]
    missing = [i for i in wanted if not writer.has_file(f"{folder_of(i.id)}/{ABOUT}")]
    if missing:
        layers = {info.layer: classifiers[info.layer] for info in missing}
        main = next(iter(classifiers.values()))
        samples = _sample(main, layers, folders, root, settings, track)
        for info in missing:
            basis = _new(info, samples[info.layer], settings)
            data = samples[info.layer].balanced(settings.seed)
            fit_basis(basis, data.to(layers[info.layer].device), info.id, track)
            for name, content in to_files(basis).items():
                writer.write_file(f"{folder_of(info.id)}/{name}", content)
    found: dict[str, Factorization] = {}
    for info in wanted:
        place = folder_of(info.id)
        # Read back even what was just fitted, so that both ways lead to the same numbers.
        files = {name: writer.read_file(f"{place}/{name}") for name in (ABOUT, ARRAYS)}
        found[info.id] = from_files(files, place, str(classifiers[info.layer].device))
    return found


class Sample:
    """Activations of one layer, a bounded number of each class.

    Parameters
    ----------
    quota
        Rows taken of a class, at most.
    n_classes, n_channels
        How many are to come, and d.
    """

    def __init__(self, quota: int, n_classes: int, n_channels: int) -> None:
        self.quota = quota
        self.counts: list[int] = []
        self.contribution = torch.zeros(n_channels)
        # Pages that are never written to take no memory.
        self._rows = torch.empty(quota * n_classes, n_channels)

    def add(self, rows: Tensor, matters: Tensor) -> None:
        """Take a class's rows (n ≤ quota, d); `matters` (d,) is each channel's relevance."""
        start = sum(self.counts)
        self._rows[start : start + len(rows)] = rows
        self.counts.append(len(rows))
        self.contribution += rows.mean(0) * matters.cpu()

    def balanced(self, seed: int) -> Tensor:
        """All rows (n, d), those of smaller classes repeated until all have as many."""
        most = max(self.counts)
        if min(self.counts) == most:
            return self._rows[: sum(self.counts)]
        rng = np.random.default_rng([seed, len(self.counts)])
        chosen, start = [], 0
        for count in self.counts:
            again, more = divmod(most, count)
            own = [np.tile(np.arange(count), again), rng.permutation(count)[:more]]
            chosen.append(start + np.concatenate(own))
            start += count
        return self._rows[torch.from_numpy(np.concatenate(chosen))]


def _sample(
    main: Classifier,
    layers: Mapping[str, Classifier],
    folders: Sequence[ClassFolder],
    root: Path,
    settings: BuildSettings,
    track: Track,
) -> dict[str, Sample]:
    quota = max(1, settings.shared_rows // len(folders))
    samples = {
        name: Sample(quota, len(folders), classifier.n_channels)
        for name, classifier in layers.items()
    }
    for folder in track(folders, "gathering activations", len(folders)):
        # What cannot be read is told once, when the class itself is made.
        images = collect(main, folder, root, settings, track, lambda text: None)
        for name, classifier in layers.items():
            rows = _rows_of_class(classifier, images, quota, settings)
            samples[name].add(rows, relevance(classifier, images, settings))
    return samples


def _rows_of_class(
    classifier: Classifier, images: ClassImages, quota: int, settings: BuildSettings
) -> Tensor:
    rng = np.random.default_rng([settings.seed, images.class_id, 1])
    if settings.fit_on == "maps":
        rows = sampled_positions(classifier, images, settings)
        return rows[torch.from_numpy(np.sort(rng.permutation(len(rows))[:quota]))]
    px = classifier.preprocessing.input_px
    patch = settings.patch_px or crops.default_patch_px(px)
    per_image = len(crops.grid(px, patch))
    pictures = images.views[images.fit]
    chosen = np.sort(rng.permutation(len(pictures) * per_image)[:quota])
    pooled, waiting = [], []
    with torch.inference_mode():
        for picture in np.unique(chosen // per_image):
            mine = torch.from_numpy(chosen[chosen // per_image == picture] % per_image)
            waiting.append(crops.cut(to_float(pictures[picture : picture + 1]), patch, px)[mine])
            if sum(map(len, waiting)) >= settings.batch:
                pooled.append(classifier.encode(torch.cat(waiting)).mean(dim=(2, 3)).cpu())
                waiting = []
        if waiting:
            pooled.append(classifier.encode(torch.cat(waiting)).mean(dim=(2, 3)).cpu())
        return torch.cat(pooled)


def _new(info: DictionaryInfo, sample: Sample, settings: BuildSettings) -> Factorization:
    if info.basis == "concepts":
        return new_method(info.method, info.n_concepts, settings)
    # Units are chosen by mean(A) · relevance, which shall be the mean contribution over classes.
    level = sample.balanced(settings.seed).mean(0)
    mean = sample.contribution / len(sample.counts)
    return Units(info.n_concepts, torch.where(level > 0, mean / level.clamp(min=1e-12), 0.0))
