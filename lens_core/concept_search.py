"""Which concepts of an atlas a picture has: encode it once a layer, code it in every dictionary.

Notation: a (d) the picture's mean activation at a layer, W (r × d) a dictionary, u (r) the code.
A shared dictionary codes by its own method, as it was saved. Of the others the atlas keeps W alone:
where values cannot be negative u is the best non-negative code, which is how NMF itself codes, and
for units and signed methods the least-squares one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lens_core.atlas import Atlas, AtlasClass, DictionaryInfo, LensError
from lens_core.atlas.spool import Answer, Found
from lens_core.classifier import Classifier
from lens_core.factorization.saving import ABOUT, ARRAYS, from_files

N_FOUND = 30
"""Concepts of each dictionary that an answer holds."""
N_PREDICTED = 3
_CLASSES_AT_ONCE = 256
_SWEEPS = 200


class ConceptSearch:
    """An atlas and the model that it explains, ready to be asked.

    Parameters
    ----------
    classifier : must be the atlas's own, see `explains`.
    atlas : its dictionaries are read as they are needed, not kept.
    """

    def __init__(self, classifier: Classifier, atlas: Atlas) -> None:
        self.atlas = atlas
        self._classifier = classifier
        self._at: dict[str, Classifier] = {}
        self._most: dict[tuple[int, str], NDArray[np.float32]] = {}

    @torch.inference_mode()
    def find(self, picture: Image.Image) -> Answer:
        """The concepts that the picture has, by dictionary, those first that make up most of its
        activation."""
        begun = time.monotonic()
        px = self._classifier.preprocessing.input_px
        resized = picture.convert("RGB").resize((px, px), Image.Resampling.BICUBIC)
        x = torch.from_numpy(np.asarray(resized).copy()).permute(2, 0, 1)[None].float() / 255
        found: list[Found] = []
        for layer in dict.fromkeys(d.layer for d in self.atlas.dictionaries if not d.depth):
            activation = self._cut(layer).encode(x).mean(dim=(2, 3))[0].cpu()
            for dictionary in self.atlas.dictionaries:
                if dictionary.layer == layer and not dictionary.depth:
                    mine = list(self._of_dictionary(dictionary, activation))
                    mine.sort(key=lambda one: (-one.share, one.class_id or 0, one.concept_id))
                    found += mine[:N_FOUND]
        return Answer(
            atlas_hash=self.atlas.hash,
            predicted=self._predict(x),
            found=tuple(found),
            seconds=round(time.monotonic() - begun, 3),
        )

    def _cut(self, layer: str) -> Classifier:
        if layer not in self._at:
            same = layer == self._classifier.layer
            self._at[layer] = self._classifier if same else self._classifier.at(layer)
        return self._at[layer]

    def _predict(self, x: Tensor) -> tuple[tuple[str, float], ...]:
        best = (
            self._classifier.logits(x)
            .softmax(1)[0]
            .topk(min(N_PREDICTED, len(self._classifier.class_names)))
        )
        return tuple(
            (self._classifier.class_names[int(i)], round(float(p), 4))
            for p, i in zip(best.values, best.indices, strict=True)
        )

    def _of_dictionary(self, dictionary: DictionaryInfo, activation: Tensor) -> Iterator[Found]:
        if dictionary.scope == "shared":
            yield from self._of_shared(dictionary, activation)
            return
        ids = [entry.id for entry in self.atlas.classes]
        units: dict[str, tuple[float, Found]] = {}
        for start in range(0, len(ids), _CLASSES_AT_ONCE):
            loaded = [self.atlas.load_class(i) for i in ids[start : start + _CLASSES_AT_ONCE]]
            for importance, one in self._of_classes(dictionary, loaded, activation):
                if dictionary.basis != "units":
                    yield one
                elif importance > units.get(one.concept_id, (-np.inf,))[0]:
                    units[one.concept_id] = importance, one
        # The same unit in several classes is found once, in the one where it matters most.
        yield from (one for _, one in units.values())

    def _of_shared(self, dictionary: DictionaryInfo, activation: Tensor) -> Iterator[Found]:
        files = {
            name: self.atlas.store.read(f"shared/{dictionary.id}/{name}")
            for name in (ABOUT, ARRAYS)
        }
        basis = from_files(files, f"{self.atlas.store}/shared/{dictionary.id}")
        values = basis.encode(activation[None])[0]
        lengths = basis.dictionary.norm(dim=1)
        norm = _length(activation)
        for concept in self.atlas.shared(dictionary.id).info.concepts:
            value = float(values[concept.row])
            if value > 0:
                strongest = max((crop.value for crop in concept.crops), default=0.0)
                yield Found(
                    dictionary=dictionary.id,
                    class_id=None,
                    concept_id=concept.id,
                    value=value,
                    share=value * float(lengths[concept.row]) / norm,
                    strength=value / strongest if strongest > 0 else None,
                )

    def _of_classes(
        self, dictionary: DictionaryInfo, loaded: list[AtlasClass], activation: Tensor
    ) -> Iterator[tuple[float, Found]]:
        """What some classes have of it, each with its importance there."""
        rows = [
            torch.from_numpy(np.asarray(one.array(f"{dictionary.id}/dictionary"), np.float32))
            for one in loaded
        ]
        stacked = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        coded = codes(stacked, activation, non_negative=not dictionary.signed)
        lengths = stacked.norm(dim=2)
        norm = _length(activation)
        for one, values, sizes in zip(loaded, coded, lengths, strict=True):
            strongest = self._strongest(one, dictionary.id)
            for concept in one.info.of_dictionary(dictionary.id):
                value = float(values[concept.index])
                if value > 0:
                    most = float(strongest[concept.index])
                    found = Found(
                        dictionary=dictionary.id,
                        class_id=one.info.id,
                        concept_id=concept.id,
                        value=value,
                        share=value * float(sizes[concept.index]) / norm,
                        strength=value / most if most > 0 else None,
                    )
                    yield concept.importance, found

    def _strongest(self, one: AtlasClass, dictionary: str) -> NDArray[np.float32]:
        """The largest value (r,) of each concept in the class's stored crops, read once."""
        key = one.info.id, dictionary
        if key not in self._most:
            values = np.asarray(one.array(f"{dictionary}/crop_values"), dtype=np.float32)
            self._most[key] = values.max(axis=0, initial=0.0)
        return self._most[key]


def explains(atlas: Atlas, classifier: Classifier) -> bool:
    """Whether an atlas is of this model: the same weights, or where it does not say, the name."""
    model = atlas.manifest.model
    if model.weights_sha256 is not None:
        return model.weights_sha256 == classifier.weights_sha256
    return model.name == classifier.name


def codes(dictionaries: Tensor, activation: Tensor, *, non_negative: bool = True) -> Tensor:
    """The best codes of one activation a (d) in many dictionaries (m, r, d) at once: (m, r).

    Rows of 0, with which shorter dictionaries are filled up, get 0. Non-negative codes are found by
    exact coordinate updates as in `lens_core.factorization.nnls`, here over all dictionaries.
    """
    if not non_negative:
        best: Tensor = torch.linalg.pinv(dictionaries.transpose(1, 2)) @ activation
        return best
    gram = dictionaries @ dictionaries.transpose(1, 2)
    cross = dictionaries @ activation
    diagonal = torch.diagonal(gram, dim1=1, dim2=2)
    safe = torch.where(diagonal > 0, diagonal, torch.ones_like(diagonal))
    values = torch.zeros_like(cross)
    for _ in range(_SWEEPS):
        before = values.clone()
        for k in range(values.shape[1]):
            step = cross[:, k] - (gram[:, k] * values).sum(1)
            values[:, k] = (values[:, k] + step / safe[:, k]).clamp(min=0)
        if float((values - before).abs().max()) <= 1e-6 * float(values.abs().max()):
            break
    return torch.where(diagonal > 0, values, torch.zeros_like(values))


def _length(activation: Tensor) -> float:
    norm = float(activation.norm())
    if not np.isfinite(norm):
        raise LensError("the model gives no finite activation for this picture")
    return norm or 1.0
