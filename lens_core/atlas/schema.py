"""The shape of an atlas: what ``atlas.json`` and each ``class.json`` hold.

Notation as everywhere in the engine: ``A ≈ U W`` with activations ``A`` (n × d), concept values
``U`` (n × r) and a dictionary ``W`` (r × d).

Layout of the folder, format version 2::

    atlas.json                              Manifest
    spectrum.safetensors                    what visualizations hold fixed of the photographs
    similar.parquet                         class_id concept_id other_class_id other_concept_id
                                            cosine
    classes/00310/class.json                ClassInfo
    classes/00310/images.parquet            image file split predicted probability logit
                                            top_concept x y [umap_x umap_y] picture
    classes/00310/crops.parquet             crop image x0 y0 x1 y1
    classes/00310/arrays.safetensors        for each dictionary D:
                                            D/dictionary (r, d)  D/crop_values (n_crops, r)
                                            D/image_values (n_images, r)
                                            D/contributions (n_images, r)
                                            D/maps (n_images, r, h, w)
                                            D/hyperplane (d,)
                                            D/steering/doses (k,)
                                            attributions/M/maps (n_attributed, s, s)
                                            attributions/M/{deletion,insertion} (n_attributed, k)
                                            D/steering/{logit,probability,changed,distance} (r, k)
    classes/00310/images/0000.webp          the model's view of an image
    classes/00310/pictures/….webp           visualizations (alpha is transparency) and crops
    shared/D.json                           SharedInfo
    shared/D.safetensors                    firing_rates (r,)  importances (n_classes, r)
                                            maps (n_living, n_strongest, h, w)
    shared/D/factorization.json             the fitted dictionary, as
    shared/D/arrays.safetensors             lens_core.factorization.saving reads it
    shared/D/pictures/….webp                visualizations and crops

Crop boxes are fractions of the model's view, which is what the stored picture shows. ``split`` is
``fit`` for images that dictionaries were fitted on and ``held_out`` for the others. A hyperplane
is the class's row of a linear head, in the space of D; other heads have none, nor have atlases of
earlier versions. Places in two dimensions are t-SNE's; beside them stand UMAP's where there are
enough points, but in atlases of earlier versions.

A shared dictionary D (scope ``shared``) has files of its own. A class shows its most important rows
of it; its arrays hold these rows alone, so that ``ConceptInfo.index`` counts within the class as
ever, and ``ConceptInfo.row`` says which row of the shared dictionary it is. An image whose most
important concept the class does not show has the ``top_concept`` −1. Beside them a class keeps of
all rows ``D/class_importances``, ``D/class_prevalence`` and ``D/class_firing`` (r,), and of the m
rows that occur in it their strongest crops: ``D/strongest_rows`` (m,), ``D/strongest_crops`` and
``D/strongest_values`` (m, s), ``D/strongest_maps`` (m, s, h, w) of the images that they come from.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT_VERSION = 2

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
    signed: bool = Field(default=False, description="concept values can be negative")
    n_channels: int
    map_shape: tuple[int, int]
    parent: str | None = Field(default=None, description="dictionary whose concepts it divides")
    depth: int = Field(default=0, description="divisions between it and a dictionary of the model")


class Alignment(Frozen):
    """Cosine between a concept's direction and the hyperplane of a class."""

    class_id: int
    name: str
    cosine: float


class Steering(Frozen):
    """What adding α times a concept's direction does to the class, median over images.

    The dose α is in units of ``unit``, the concept's typical activation, so that concepts compare.
    A dose is empty where what it names did not happen in most images within the range of doses.
    """

    unit: float = Field(description="length along the direction that one dose adds")
    slope: float = Field(description="change of the logit for one dose, at dose 0")
    changes_at: float | None = Field(description="smallest dose that changes the prediction")
    bends_at: float | None = Field(description="positive dose from which more works against it")
    leaves_at: float | None = Field(description="smallest dose that leaves real activations")


class ConceptInfo(Frozen):
    """One concept of one class.

    ``importance`` is the concept's signed share of the class's logits; shares of a dictionary's
    concepts, of those not shown, its residual and its bias total 1. ``color`` counts the important
    concepts from 0 in order of importance and is empty for the others.

    A sub-concept has a ``parent`` and a ``share_of_parent``, its signed share of the parent's
    values; its importance is that share of the parent's importance. Its crops are shown from among
    those that excite the parent most. A concept with too few crops has no sub-concepts.
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
    share_of_parent: float | None = None
    row: int | None = Field(default=None, description="row of the shared dictionary")
    steering: Steering | None = None
    ablation: float | None = Field(
        default=None, description="mean drop of the logit when its direction is projected out"
    )


class FactorizationQuality(Frozen):
    """How good a dictionary is on the pooled crops of the class, fitted on or not."""

    r_squared: float
    hoyer: float | None = Field(
        description="sparsity of values: 0 all alike, 1 one concept alone; empty if all are 0"
    )
    l0: float = Field(description="mean number of concepts of a crop")
    dead: int = Field(description="concepts that no crop has")
    wasserstein: float = Field(description="sliced distance between A and Â")
    frechet: float | None = Field(
        description="Fréchet distance between A and Â; empty with fewer crops than channels"
    )
    ood: float | None = Field(
        description="distance of Â to real activations, over that among real ones"
    )
    stability: float | None = Field(
        description="mean matched cosine between dictionaries of disjoint images; 1 is stable"
    )


class Fidelity(Frozen):
    """How true one estimator's importances are of the model's decision."""

    estimator: str
    deletion: float | None = Field(
        description="C-Deletion, area as a share of the score with all concepts; small is better"
    )
    insertion: float | None = Field(description="C-Insertion, likewise; large is better")
    mu_fidelity: float | None = Field(description="C-µFidelity, Pearson, −1 to 1")


class Ablation(Frozen):
    """What removing each image's most active concept (or unit) does to the decision."""

    drop: float = Field(description="mean drop of the logit")
    drop_share: float = Field(description="the same as a share of the mean logit")
    flips: float = Field(description="share of images whose prediction changes")


class DictionaryFit(Frozen):
    """How a dictionary does on one class."""

    dictionary: str
    residual: float = Field(description="share of the logits that the concepts leave unexplained")
    bias: float = Field(description="share of the logits that the head's bias makes up")
    error_crops: float = Field(description="‖A − U W‖ / ‖A‖ over pooled crops")
    error_maps: float = Field(description="the same over single positions of the maps")
    error_held_out: float | None = Field(default=None, description="pooled crops never fitted on")
    n_iterations: int | None = None
    others: float = Field(default=0.0, description="share of the logits of concepts not shown")
    quality: FactorizationQuality | None = None
    fidelity: tuple[Fidelity, ...] = ()
    ablation: Ablation | None = None


class AttributionInfo(Frozen):
    """Maps of one attribution method for the class's logit, on the images named beside it."""

    method: str
    title: str
    signed: bool = Field(description="values below 0 speak against the class")
    deletion: float = Field(description="mean area under the probability as pixels go; small: true")
    insertion: float = Field(description="the same as they come; large: true")


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
    attributed: tuple[int, ...] = Field(
        default=(), description="images with attribution maps, as rows of the images table"
    )
    attributions: tuple[AttributionInfo, ...] = ()
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

    def children(self, concept_id: str) -> tuple[ConceptInfo, ...]:
        """The sub-concepts of a concept, those with the largest share of it first."""
        mine = [concept for concept in self.concepts if concept.parent == concept_id]
        return tuple(
            sorted(mine, key=lambda concept: (-(concept.share_of_parent or 0.0), concept.index))
        )

    def of_dictionary(self, dictionary: str) -> tuple[ConceptInfo, ...]:
        """The concepts of one dictionary, most important first."""
        mine = [concept for concept in self.concepts if concept.dictionary == dictionary]
        return tuple(sorted(mine, key=lambda concept: (-concept.importance, concept.index)))


class ClassShare(Frozen):
    """How much a concept matters for a class."""

    class_id: int
    importance: float
    prevalence: float


class CropPlace(Frozen):
    """A crop of a class: its row there, and how strongly it has the concept.

    Pictures are named relative to the atlas.
    """

    class_id: int
    crop: int
    value: float
    picture: str
    image: str = Field(description="the picture that it is cut from")
    box: tuple[float, float, float, float] = Field(description="x0 y0 x1 y1 in it, fractions")


class SharedConcept(Frozen):
    """One living concept of a shared dictionary."""

    id: str
    row: int
    firing_rate: float = Field(description="share of all crops that have it")
    position: tuple[float, float]
    umap: tuple[float, float] | None = None
    classes: tuple[ClassShare, ...] = Field(description="where it matters most, strongest first")
    crops: tuple[CropPlace, ...] = Field(description="its strongest crops in all classes")
    visualization: str | None = Field(default=None, description="picture, relative to the atlas")


class ClassPlace(Frozen):
    """A class among all classes of a shared dictionary."""

    class_id: int
    position: tuple[float, float]
    umap: tuple[float, float] | None = None
    closest: tuple[tuple[int, float], ...] = Field(
        description="classes with the most similar importances, with the cosine"
    )


class SharedInfo(Frozen):
    """``shared/D.json``: what a shared dictionary is over all classes.

    The arrays beside it count rows as the dictionary does and classes as ``classes`` here;
    ``maps`` follow ``concepts`` and their ``crops``.
    """

    dictionary: str
    n_concepts: int
    n_crops: int = Field(description="crops that the rates are over")
    dead: int
    concepts: tuple[SharedConcept, ...] = Field(description="the living ones")
    classes: tuple[ClassPlace, ...]


class ConceptSummary(Frozen):
    """What the manifest says of a concept. Atlases of earlier versions lack what has a default."""

    id: str
    dictionary: str
    index: int | None = Field(default=None, description="row of the dictionary")
    importance: float
    prevalence: float
    reliability: float | None = None
    important: bool
    n_crops: int
    color: int | None = None
    picture: str | None = Field(
        default=None, description="its visualization or strongest crop, relative to the class"
    )


class ClassEntry(Frozen):
    """What the manifest says of a class."""

    id: int
    name: str
    synonyms: tuple[str, ...] = ()
    folder: str
    n_images: int
    accuracy: float | None = None
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
    contributors: tuple[str, ...] = Field(default=(), description="who made it, for its citation")
    model: ModelInfo
    settings: dict[str, JsonValue] = Field(description="what the atlas was built with")
    dictionaries: tuple[DictionaryInfo, ...]
    classes: tuple[ClassEntry, ...]
    files: dict[str, FileInfo] = Field(default_factory=dict)
