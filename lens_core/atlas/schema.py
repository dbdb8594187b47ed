"""The shape of an atlas: what ``atlas.json`` and each ``class.json`` hold.

Notation as everywhere in the engine: ``A ≈ U W`` with activations ``A`` (n × d), concept values
``U`` (n × r) and a dictionary ``W`` (r × d).

Layout of the folder, format version 1::

    atlas.json                              Manifest
    similar.parquet                         class_id concept_id other_class_id other_concept_id
                                            cosine
    classes/00310/class.json                ClassInfo
    classes/00310/images.parquet            image file split predicted probability logit
                                            top_concept x y picture
    classes/00310/crops.parquet             crop image x0 y0 x1 y1
    classes/00310/arrays.safetensors        for each dictionary D:
                                            D/dictionary (r, d)  D/crop_values (n_crops, r)
                                            D/image_values (n_images, r)
                                            D/contributions (n_images, r)
                                            D/maps (n_images, r, h, w)
    classes/00310/images/0000.webp          the model's view of an image
    classes/00310/pictures/….webp           visualizations (alpha is transparency) and crops

Crop boxes are fractions of the model's view, which is what the stored picture shows. ``split`` is
``fit`` for images that dictionaries were fitted on and ``held_out`` for the others.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT_VERSION = 1

Basis = Literal["concepts", "units"]
Scope = Literal["class", "shared"]
JsonValue = str | int | float | bool | None | list[str] | list[int] | list[float]


class Frozen(BaseModel):
    """Immutable, and refuses fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelInfo(Frozen):
    """The classifier that an atlas explains."""

    spec: str
    name: str
    n_classes: int
    input_px: int
    labels: tuple[str, ...] = Field(default=(), description="names of all the model's classes")
    weights_sha256: str | None = None
    device: str = "cpu"
    precision: str = "float32"


class DictionaryInfo(Frozen):
    """One set of concepts: a basis of one layer, for each class or for all together."""

    id: str
    layer: str
    basis: Basis = "concepts"
    scope: Scope = "class"
    method: str = "nmf"
    n_concepts: int
    fitted_on: Literal["crops", "maps", "none"] = "crops"
    importance: str = Field(description="estimator of the importances, e.g. 'linear closed form'")
    rectified: bool = Field(default=False, description="negative activations were set to 0")
    n_channels: int
    map_shape: tuple[int, int]


class Alignment(Frozen):
    """Cosine between a concept's direction and the hyperplane of a class."""

    class_id: int
    name: str
    cosine: float


class ConceptInfo(Frozen):
    """One concept of one class.

    ``importance`` is the concept's signed share of the class's logits; shares of a dictionary's
    concepts, its residual and its bias total 1. ``color`` counts the important concepts from 0 in
    order of importance and is empty for the others.
    """

    id: str
    index: int = Field(description="row of the dictionary")
    dictionary: str
    importance: float
    sobol_total: float | None = None
    sobol_total_se: float | None = None
    prevalence: float = Field(description="share of images where it is the most important one")
    reliability: float | None = Field(
        default=None, description="accuracy of the model on those images; empty if there are none"
    )
    important: bool
    n_crops: int = Field(description="crops that activate it")
    color: int | None = None
    position: tuple[float, float]
    alignment: tuple[Alignment, ...] = ()
    visualization: str | None = Field(default=None, description="picture, relative to the class")
    crops: tuple[str, ...] = Field(default=(), description="pictures of its strongest crops")
    crop_rows: tuple[int, ...] = Field(default=(), description="their rows in the crops table")
    parent: str | None = None


class DictionaryFit(Frozen):
    """How a dictionary does on one class."""

    dictionary: str
    residual: float = Field(description="share of the logits that the concepts leave unexplained")
    bias: float = Field(description="share of the logits that the head's bias makes up")
    error_crops: float = Field(description="‖A − U W‖ / ‖A‖ over pooled crops")
    error_maps: float = Field(description="the same over single positions of the maps")
    error_held_out: float | None = Field(default=None, description="pooled crops never fitted on")
    n_iterations: int | None = None


class FileInfo(Frozen):
    """What a file must hold to be whole."""

    sha256: str
    size: int


class ClassInfo(Frozen):
    """Everything small about one class."""

    id: int
    name: str
    synonyms: tuple[str, ...] = ()
    folder: str
    n_images: int
    n_candidates: int = Field(description="images in the folder, selected or not")
    n_held_out: int = 0
    accuracy: float | None = Field(
        default=None, description="share of the folder's images predicted as the class"
    )
    concepts: tuple[ConceptInfo, ...]
    fits: tuple[DictionaryFit, ...] = ()
    visualization: str | None = Field(default=None, description="picture of the class logit")
    files: dict[str, FileInfo] = Field(default_factory=dict)

    def concept(self, concept_id: str) -> ConceptInfo:
        """The concept of that id.

        Raises
        ------
        KeyError
            If the class has none.
        """
        for concept in self.concepts:
            if concept.id == concept_id:
                return concept
        raise KeyError(concept_id)

    def of_dictionary(self, dictionary: str) -> tuple[ConceptInfo, ...]:
        """The concepts of one dictionary, most important first."""
        mine = [concept for concept in self.concepts if concept.dictionary == dictionary]
        return tuple(sorted(mine, key=lambda concept: (-concept.importance, concept.index)))


class ConceptSummary(Frozen):
    """What the manifest says of a concept."""

    id: str
    dictionary: str
    importance: float
    prevalence: float
    important: bool
    n_crops: int


class ClassEntry(Frozen):
    """What the manifest says of a class."""

    id: int
    name: str
    synonyms: tuple[str, ...] = ()
    folder: str
    n_images: int
    dir: str
    sha256: str = Field(description="of its class.json, which lists the other files")
    concepts: tuple[ConceptSummary, ...]


class Manifest(Frozen):
    """``atlas.json``. ``hash`` covers everything here but itself, and through the listed
    checksums every file of the atlas."""

    format: Literal["lens-atlas"] = "lens-atlas"
    format_version: int = FORMAT_VERSION
    hash: str = ""
    title: str
    model: ModelInfo
    settings: dict[str, JsonValue] = Field(description="what the atlas was built with")
    dictionaries: tuple[DictionaryInfo, ...]
    classes: tuple[ClassEntry, ...]
    files: dict[str, FileInfo] = Field(default_factory=dict)
