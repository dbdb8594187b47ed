"""An open atlas, with the little that pages ask for again and again kept in memory."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np

from lens_core.atlas import Atlas, AtlasClass, ClassEntry, ClassInfo, ConceptInfo, DictionaryInfo

from .links import Links
from .pages import AtlasHeader, Picture

METHOD_NAMES = {
    "nmf": "non-negative matrix factorization",
    "units": "choosing single channels",
    "kmeans": "k-means clustering",
    "pca": "principal component analysis",
    "ica": "independent component analysis",
    "sparse_autoencoder": "a sparse autoencoder",
}
KEPT_CLASSES = 96
"""Classes whose small description stays in memory; bounds the memory of a server."""


class AtlasBook:
    """One atlas as the explorer sees it.

    Parameters
    ----------
    atlas : the atlas.
    slug : its name in addresses.
    """

    def __init__(self, atlas: Atlas, slug: str) -> None:
        self.atlas = atlas
        self.slug = slug
        self.info = lru_cache(maxsize=KEPT_CLASSES)(self._info)
        self.best_image = lru_cache(maxsize=1024)(self._best_image)

    @property
    def version(self) -> str:
        """Short form of the atlas's hash, for addresses that are cached for ever."""
        return self.atlas.hash.rpartition(":")[2][:10]

    @property
    def main(self) -> DictionaryInfo:
        """The dictionary that pages show unless asked for another."""
        return self.atlas.dictionaries[0]

    def load(self, class_id: int) -> AtlasClass:
        """A class with its tables and arrays."""
        return self.atlas.load_class(class_id)

    def _info(self, class_id: int) -> ClassInfo:
        return self.atlas.load_class(class_id).info

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
        name = concept.visualization or (concept.crops[0] if concept.crops else None)
        if name is None:
            return None
        what = "Feature visualization" if concept.visualization else "Strongest crop"
        label = self.label(concept)
        return Picture(
            links.file(f"{entry.dir}/{name}"), f"{what} of {label} of {plain(entry.name)}"
        )

    def label(self, concept: ConceptInfo) -> str:
        """What a concept is called until people name it, e.g. ``Concept 3``."""
        return f"{unit_word(self.atlas.dictionary(concept.dictionary))} {number(concept)}"

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
            n_concepts=len(shown),
            layers=tuple(dict.fromkeys(d.layer for d in manifest.dictionaries)),
            methods=tuple(dict.fromkeys(d.method for d in manifest.dictionaries)),
            input_px=manifest.model.input_px,
            unit_word=unit_word(main),
            citation=(
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


def number(concept: ConceptInfo) -> str:
    """The number in a concept's id: its row, or for a unit its channel in the layer."""
    return concept.id.rpartition("-")[2]


def unit_word(dictionary: DictionaryInfo) -> str:
    """What one row of a dictionary is called."""
    return "Unit" if dictionary.basis == "units" else "Concept"
