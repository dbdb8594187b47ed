"""An open atlas, with the little that pages ask for again and again kept in memory."""

from __future__ import annotations

from functools import cache, cached_property, lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lens_core.atlas import (
    Atlas,
    ClassEntry,
    ClassInfo,
    ConceptInfo,
    DictionaryInfo,
    SharedConcept,
)
from lens_core.atlas.schema import ConceptSummary

from .figures import columns
from .links import Links
from .pages import AtlasHeader, Picture
from .sidecars import People, PeopleName

Concept: TypeAlias = ConceptInfo | ConceptSummary | SharedConcept
"""A concept, however much of it was read."""
METHOD_NAMES = {
    "nmf": "non-negative matrix factorization",
    "semi_nmf": "semi-non-negative matrix factorization",
    "convex_nmf": "convex non-negative matrix factorization",
    "archetypal": "archetypal analysis",
    "units": "choosing single channels",
    "kmeans": "k-means clustering",
    "svd": "singular value decomposition",
    "pca": "principal component analysis",
    "sparse_pca": "sparse principal component analysis",
    "ica": "independent component analysis",
    "dictionary_learning": "dictionary learning",
    "sae": "a sparse autoencoder",
    "topk_sae": "a sparse autoencoder (TopK)",
    "batch_topk_sae": "a sparse autoencoder (BatchTopK)",
    "jumprelu_sae": "a sparse autoencoder (JumpReLU)",
}
KEPT_CLASSES = 96
"""Classes whose small description stays in memory; bounds the memory of a server."""
OPEN_CLASSES = 6
"""Classes whose tables stay in memory: one page asks for them several times."""


class AtlasBook:
    """One atlas as the explorer sees it.

    Parameters
    ----------
    atlas : the atlas.
    slug : its name in addresses.
    people : what people made of its concepts.
    """

    def __init__(self, atlas: Atlas, slug: str, people: People | None = None) -> None:
        self.atlas = atlas
        self.slug = slug
        self.people = people or People()
        self.load = lru_cache(maxsize=OPEN_CLASSES)(atlas.load_class)
        self.info = lru_cache(maxsize=KEPT_CLASSES)(self._info)
        self.crop_places = lru_cache(maxsize=OPEN_CLASSES)(self._crop_places)
        self.best_image = lru_cache(maxsize=1024)(self._best_image)
        self.shared = cache(atlas.shared)

    @property
    def version(self) -> str:
        """Short form of the atlas's hash, for addresses that are cached for ever."""
        return self.atlas.hash.rpartition(":")[2][:10]

    @property
    def main(self) -> DictionaryInfo:
        """The dictionary that pages show unless asked for another."""
        return self.atlas.dictionaries[0]

    def root_of(self, dictionary_id: str) -> DictionaryInfo:
        """The dictionary on whose page another is shown: itself, or what it divides."""
        dictionary = self.atlas.dictionary(dictionary_id)
        return dictionary if dictionary.parent is None else self.root_of(dictionary.parent)

    def _info(self, class_id: int) -> ClassInfo:
        return self.load(class_id).info

    def _crop_places(self, class_id: int) -> NDArray[np.float64]:
        """Of each crop of a class: its image, then left, top, right, bottom as fractions of it."""
        return columns(self.load(class_id).crops, "image", "x0", "y0", "x1", "y1")

    def _best_image(self, class_id: int) -> str | None:
        """Picture of the image that the model is surest of."""
        images = self.load(class_id).images
        if images.empty:
            return None
        return str(images["picture"].iloc[int(np.argmax(images["probability"].to_numpy()))])

    def cover(self, entry: ClassEntry, links: Links) -> Picture | None:
        """A picture that stands for a class."""
        picture = self.best_image(entry.id)
        if picture is None:
            return None
        return Picture(links.file(f"{entry.dir}/{picture}"), f"An image of {plain(entry.name)}")

    def visualization(
        self, entry: ClassEntry, concept: ConceptInfo, links: Links
    ) -> Picture | None:
        """The feature visualization of a concept, or else its strongest crop."""
        label = self.label(concept, entry.id)
        shared = self.shared_concept(concept)
        if shared is not None and shared.visualization is not None:
            return Picture(links.file(shared.visualization), f"Feature visualization of {label}")
        name = concept.visualization or (concept.crops[0] if concept.crops else None)
        if name is None:
            return None
        what = "Feature visualization" if concept.visualization else "Strongest crop"
        return Picture(
            links.file(f"{entry.dir}/{name}"), f"{what} of {label} of {plain(entry.name)}"
        )

    def brief(self, class_id: int, concept_id: str) -> ConceptSummary | None:
        """What the manifest says of a concept of a class; None if the class has none of that id.

        Atlases of earlier versions name its picture and colour in the class's own file alone.
        """
        for concept in self.atlas.entry(class_id).concepts:
            if concept.id != concept_id:
                continue
            if "picture" in concept.model_fields_set:
                return concept
            full = self.info(class_id).concept(concept_id)
            picture = full.visualization or next(iter(full.crops), None)
            return concept.model_copy(update={"picture": picture, "color": full.color})
        return None

    def shared_concept(self, concept: ConceptInfo) -> SharedConcept | None:
        """What a concept is over all classes, if they share it."""
        if concept.row is None:
            return None
        return self.shared(concept.dictionary).by_row.get(concept.row)

    def is_visualized(self, concept: ConceptInfo) -> bool:
        """Whether there is a feature visualization of the concept."""
        shared = self.shared_concept(concept)
        return bool(concept.visualization or (shared is not None and shared.visualization))

    def label(self, concept: Concept, class_id: int | None = None) -> str:
        """What a concept is called: the name that people agree on, or else its number."""
        name = self.name(concept, class_id)
        if name is None or not name.agreed:
            return self.numbered(concept)
        return title(name.name)

    def numbered(self, concept: Concept) -> str:
        """What a concept is called until people name it, e.g. ``Concept 3``."""
        return f"{unit_word(self._dictionary(concept))} {number(concept)}"

    def name(self, concept: Concept, class_id: int | None = None) -> PeopleName | None:
        """The name that most people gave to a concept, agreed on or not."""
        shared = self._dictionary(concept).scope == "shared"
        return self.people.name(class_id, concept.id, shared=shared)

    def _dictionary(self, concept: Concept) -> DictionaryInfo:
        if not isinstance(concept, SharedConcept):
            return self.atlas.dictionary(concept.dictionary)
        return self.atlas.dictionary(dictionary_of(concept.id))

    def n_important(self, entry: ClassEntry, dictionary: str | None = None) -> int:
        """How many concepts of a class are important."""
        wanted = dictionary or self.main.id
        return sum(c.important for c in entry.concepts if c.dictionary == wanted)

    def neighbours(self, class_id: int) -> tuple[ClassEntry | None, ClassEntry | None]:
        """The classes before and after one in the atlas's order."""
        place = self._places[class_id]
        classes = self.atlas.classes
        return (
            classes[place - 1] if place > 0 else None,
            classes[place + 1] if place + 1 < len(classes) else None,
        )

    @cached_property
    def _places(self) -> dict[int, int]:
        return {entry.id: place for place, entry in enumerate(self.atlas.classes)}

    def has_class(self, class_id: int) -> bool:
        """Whether the atlas holds the class."""
        return class_id in self._places

    @cached_property
    def similar_rows(self) -> dict[tuple[int, str], list[tuple[int, str, float]]]:
        """Similar concepts of other classes, by class and concept, strongest first."""
        if not self.atlas.exists("similar.parquet"):
            return {}
        table = self.atlas.similar
        rows: dict[tuple[int, str], list[tuple[int, str, float]]] = {}
        for here, concept, there, other, cosine in zip(
            table["class_id"].tolist(),
            table["concept_id"].tolist(),
            table["other_class_id"].tolist(),
            table["other_concept_id"].tolist(),
            table["cosine"].tolist(),
            strict=True,
        ):
            rows.setdefault((int(here), str(concept)), []).append(
                (int(there), str(other), float(cosine))
            )
        for found in rows.values():
            found.sort(key=lambda row: -row[2])
        return rows

    @cached_property
    def header(self) -> AtlasHeader:
        """What every page says of the atlas."""
        manifest = self.atlas.manifest
        main = self.main
        shown = [c for entry in manifest.classes for c in entry.concepts if c.dictionary == main.id]
        return AtlasHeader(
            title=manifest.title,
            hash=self.atlas.hash,
            model=manifest.model.name,
            n_classes=len(manifest.classes),
            n_images=sum(entry.n_images for entry in manifest.classes),
            n_concepts=(
                len(self.shared(main.id).info.concepts) if main.scope == "shared" else len(shown)
            ),
            layers=tuple(dict.fromkeys(d.layer for d in manifest.dictionaries if not d.depth)),
            methods=tuple(dict.fromkeys(d.method for d in manifest.dictionaries)),
            input_px=manifest.model.input_px,
            unit_word=unit_word(main),
            contributors=manifest.contributors,
            citation=(
                f"{', '.join(manifest.contributors)}{'. ' if manifest.contributors else ''}"
                f"{manifest.title}: concepts of {manifest.model.name}, layer {main.layer}. "
                f"Concept atlas {self.version}, made with LENS Lab."
            ),
        )


def plain(name: str) -> str:
    """A class name as people write it: folder names use underscores for spaces."""
    return name.replace("_", " ").strip()


def synonyms(entry: ClassEntry) -> tuple[str, ...]:
    """Other names of a class, as people write them; lists often repeat the name itself."""
    name = plain(entry.name).casefold()
    return tuple(s for s in map(plain, entry.synonyms) if s.casefold() != name)


def title(name: str) -> str:
    """A class name as a heading; only the first letter is changed."""
    words = plain(name)
    return words[:1].upper() + words[1:]


def method_name(method: str) -> str:
    """A method's name in words, where we know it."""
    return METHOD_NAMES.get(method, method.replace("_", " "))


def dictionary_of(concept_id: str) -> str:
    """The dictionary that a concept's id names."""
    return concept_id.rpartition("-")[0]


def number(concept: Concept) -> str:
    """The number in a concept's id: its row, or for a unit its channel in the layer."""
    return concept.id.rpartition("-")[2]


def unit_word(dictionary: DictionaryInfo) -> str:
    """What one row of a dictionary is called."""
    return "Unit" if dictionary.basis == "units" else "Concept"
