"""What each explorer page shows: plain values, ready for a template."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .number_views import SteeringView, TrustView
from .sidecars import PeopleName, PeopleScore


@dataclass(frozen=True)
class Picture:
    """A picture and what it shows; `address` is relative to the page."""

    address: str
    alt: str


@dataclass(frozen=True)
class CropView:
    """One crop of a concept: where it was cut from, as fractions of the image."""

    picture: Picture
    image: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class AlignmentBar:
    """Cosine between a concept and the hyperplane of a class; `link` only if the class is here."""

    name: str
    cosine: float
    link: str | None
    is_own: bool


@dataclass(frozen=True)
class SimilarView:
    """A concept of another class that points the same way."""

    concept_label: str
    class_name: str
    cosine: float
    link: str
    picture: Picture | None


@dataclass(frozen=True)
class ClassShareView:
    """A class in which a shared concept matters."""

    name: str
    importance: float
    prevalence: float
    link: str


@dataclass(frozen=True)
class PartView:
    """One part of a concept, a concept itself; `row` is its place in the maps of its level."""

    id: str
    label: str
    share: float
    row: int
    picture: Picture | None
    crops: tuple[CropView, ...]
    parts: PartsView | None


@dataclass(frozen=True)
class PartsView:
    """What a concept is made of, one layer earlier; shares and `rest` total 1."""

    layer: str
    rest: float
    items: tuple[PartView, ...]
    maps: str


@dataclass(frozen=True)
class ConceptView:
    """One concept of a class, as a card and the panel that it opens."""

    id: str
    label: str
    number: str
    css: str
    link: str
    importance: float
    prevalence: float
    reliability: float | None
    sobol: float | None
    sobol_se: float | None
    important: bool
    n_crops: int
    picture: Picture | None
    crops: tuple[CropView, ...] = ()
    alignment: tuple[AlignmentBar, ...] = ()
    similar: tuple[SimilarView, ...] = ()
    parts: PartsView | None = None
    undivided: bool = False
    page: str | None = None
    elsewhere: tuple[ClassShareView, ...] = ()
    steering: SteeringView | None = None
    ablation: float | None = None
    numbered: str = ""
    people: PeopleScore | None = None
    called: PeopleName | None = None


@dataclass(frozen=True)
class PointView:
    """One image in the cluster graph, in units of the figure."""

    x: int
    y: int
    css: str


@dataclass(frozen=True)
class ClusterMark:
    """The number of an important concept, at the middle of its images."""

    x: float
    y: float
    css: str
    text: str
    concept: str
    umap: str = ""


@dataclass(frozen=True)
class NodeView:
    """One concept in the proximity map."""

    x: float
    y: float
    radius: float
    concept: ConceptView


@dataclass(frozen=True)
class ShareView:
    """A piece of the bar that adds up to the class's logit; in percent of the figure's width."""

    start: float
    width: float
    css: str
    label: str
    share: float
    text: str


@dataclass(frozen=True)
class FitView:
    """What the dictionary leaves out on this class."""

    residual: float
    bias: float
    error_crops: float
    error_held_out: float | None


@dataclass(frozen=True)
class DictionaryTab:
    """A dictionary that the page can switch to."""

    label: str
    hint: str
    link: str
    current: bool


@dataclass(frozen=True)
class CloseClass:
    """A class whose importances are much like another's."""

    title: str
    cosine: float
    link: str
    picture: Picture | None


@dataclass(frozen=True)
class SampleView:
    """An image that stands for others of its class, and the concept that counts most in it.

    ``row`` is that concept's place in the class's maps; `link` is the image's own page, if it has
    one.
    """

    number: int
    picture: Picture
    link: str | None
    css: str
    row: int
    label: str
    share: float


@dataclass(frozen=True)
class ClassPage:
    """Everything on a class page."""

    id: int
    title: str
    synonyms: tuple[str, ...]
    dictionary: str
    unit_word: str
    method: str
    layer: str
    n_directions: int
    shared: bool
    n_images: int
    n_candidates: int
    n_held_out: int
    accuracy: float | None
    n_important: int
    visualization: Picture | None
    visualized: bool
    cover: Picture | None
    cover_link: str | None
    attributed: tuple[tuple[int, str], ...]
    tabs: tuple[DictionaryTab, ...]
    concepts: tuple[ConceptView, ...]
    points: tuple[PointView, ...]
    marks: tuple[ClusterMark, ...]
    n_grey: int
    umap: str
    nodes: tuple[NodeView, ...]
    shares: tuple[ShareView, ...]
    share_zero: float
    fit: FitView | None
    trust: TrustView | None
    closest: tuple[CloseClass, ...]
    samples: tuple[SampleView, ...]
    previous: tuple[str, str] | None
    following: tuple[str, str] | None
    tables: dict[str, str]
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassTile:
    """A class in a list or among the featured ones."""

    id: int
    title: str
    synonyms: tuple[str, ...]
    link: str
    n_images: int
    n_important: int
    picture: Picture | None


@dataclass(frozen=True)
class WallItem:
    """A concept's picture on the wall at the top of the home page."""

    picture: Picture
    title: str
    link: str


@dataclass(frozen=True)
class MapDot:
    """A concept or a class in a map of all of them, in units of the figure."""

    x: float
    y: float
    radius: float
    title: str
    note: str
    link: str
    picture: str


@dataclass(frozen=True)
class AtlasMap:
    """A map of all concepts or classes; `umap` is where its dots are in the other layout."""

    dots: tuple[MapDot, ...]
    umap: str


@dataclass(frozen=True)
class SharedMaps:
    """The two maps of a shared dictionary, and the way to those of the others."""

    dictionary: str
    unit_word: str
    method: str
    layer: str
    tabs: tuple[DictionaryTab, ...]
    concepts: AtlasMap
    classes: AtlasMap
    faces: bool


@dataclass(frozen=True)
class StrongImage:
    """An image that has a shared concept strongly; `box` is the crop that has it most."""

    picture: Picture
    box: tuple[float, float, float, float]
    class_title: str
    link: str


@dataclass(frozen=True)
class SharedConceptPage:
    """The page of one concept that all classes share."""

    id: str
    label: str
    unit_word: str
    method: str
    layer: str
    n_directions: int
    n_living: int
    n_crops: int
    firing_rate: float
    visualization: Picture | None
    cover: Picture | None
    classes: tuple[ClassShareView, ...]
    images: tuple[StrongImage, ...]
    maps: str
    map: str
    like: str
    study: str | None
    previous: tuple[str, str] | None
    following: tuple[str, str] | None


@dataclass(frozen=True)
class HomePage:
    """The atlas's front door."""

    wall: tuple[WallItem, ...]
    visualized: bool
    curated_title: str
    curated_link: str
    curated_cover: Picture | None
    curated: tuple[ConceptView, ...]
    featured: tuple[ClassTile, ...]
    methods: tuple[str, ...]
    maps: SharedMaps | None = None


@dataclass(frozen=True)
class ClassesPage:
    """The list of classes, all or those that answer a query."""

    query: str
    tiles: tuple[ClassTile, ...]
    n_all: int


@dataclass(frozen=True)
class AtlasHeader:
    """What every page says of the atlas it belongs to."""

    title: str
    hash: str
    model: str
    n_classes: int
    n_images: int
    n_concepts: int
    layers: tuple[str, ...]
    methods: tuple[str, ...]
    input_px: int
    unit_word: str
    contributors: tuple[str, ...]
    citation: str
