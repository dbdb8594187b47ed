"""The parameters of one leaf picture, and their JSON form.

A picture is a pure function of its `LeafSpec`: whatever chance decides is drawn once, when the
spec is sampled, or comes from `LeafSpec.seed`, one independent stream per layer of the picture.
That is what makes interventions exact: replace one part and everything else stays as it was.

Units: leaf coordinates have the petiole's insertion at (0, 0), the midrib along +y and a blade of
length about 1; names that end in `_px` are pixels of the 256 × 256 picture, `_deg` degrees.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, is_dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_type_hints

from lens_core.atlas import LensError

SIZE_PX = 256

PARTS: tuple[str, ...] = ("shape", "margin", "venation", "apex", "petiole", "texture")
"""The parts by which families differ; `swap` exchanges one of them."""

ShapeKind = Literal["simple", "arrow", "palmate", "fan"]
MarginKind = Literal["entire", "undulate", "serrate", "double", "lobed"]
VenationKind = Literal["pinnate", "palmate", "parallel", "fan"]
ApexKind = Literal["acute", "acuminate", "rounded", "cleft"]
TextureKind = Literal["cloud", "rim", "outer", "rays", "midrib", "stripes", "spots"]
BackgroundKind = Literal["paper", "cloth", "soil", "lichen", "wood", "sand", "moss", "slate"]

Colour = tuple[float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """Outline of the blade before margin and apex are worked into it.

    `half_width` is relative to the length, `widest` the height of the greatest width (simple),
    `fullness` the sum of both exponents of the profile (1 = ellipse, more = slimmer ends).
    `basal` is how far the basal lobes hang below the insertion, `oblique` how much higher one
    half starts on the midrib. `spread_deg` is the angle between lobes (palmate) or from the axis
    to the flank (fan), `sinus` the depth of the bays between lobes.
    """

    kind: ShapeKind
    half_width: float
    widest: float = 0.5
    fullness: float = 1.0
    basal: float = 0.0
    oblique: float = 0.0
    lobes: int = 1
    spread_deg: float = 0.0
    sinus: float = 0.0


@dataclass(frozen=True)
class Margin:
    """Edge of the blade: `count` teeth or lobes a side, `depth` in leaf units (lobed: share)."""

    kind: MarginKind
    count: int = 0
    depth: float = 0.0
    phase: float = 0.0


@dataclass(frozen=True)
class Venation:
    """Course of the veins; `count` is pairs (pinnate, parallel), primaries or rays (fan)."""

    kind: VenationKind
    count: int
    angle_deg: float
    curve: float
    stagger: float
    width: float


@dataclass(frozen=True)
class Apex:
    """Tip of the blade: `size` is what is added, capped or cut, `reach` its half-width."""

    kind: ApexKind
    size: float = 0.0
    reach: float = 0.16


@dataclass(frozen=True)
class Petiole:
    """Stalk: length and widths (at the blade, at the foot) in leaf units; `bend` to one side."""

    length: float
    width: float
    foot_width: float
    bend: float


@dataclass(frozen=True)
class Texture:
    """Pattern of the second pigment; `share` of the blade it covers, `scale` of its elements."""

    kind: TextureKind
    share: float
    scale: float
    softness: float


@dataclass(frozen=True)
class Pose:
    """Where and how the leaf lies; `area_px` fixes the scale through the bare shape's area."""

    area_px: float
    rotation_deg: float
    shift_x_px: float
    shift_y_px: float
    bend: float
    squash: float
    fold: float
    curl: float
    lift_px: float


@dataclass(frozen=True)
class Palette:
    """Colours of the leaf, sRGB in [0, 1], drawn from the same palette for all families."""

    blade: Colour
    second: Colour
    vein: Colour
    petiole: Colour
    gloss: float
    relief: float


@dataclass(frozen=True)
class Light:
    """Direction (where the light comes from), warmth, fall-off and a soft shadow across."""

    azimuth_deg: float
    strength: float
    exposure: float
    warmth: float
    falloff: float
    shade_depth: float
    shade_position: float
    shade_angle_deg: float


@dataclass(frozen=True)
class Background:
    """What the leaf lies on."""

    kind: BackgroundKind
    colour: Colour
    second: Colour
    angle_deg: float
    grain: float


@dataclass(frozen=True)
class Damage:
    """Insect holes and brown specks: (x, y, radius) in leaf units."""

    holes: tuple[tuple[float, float, float], ...]
    specks: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Label:
    """Herbarium label. Its place is always drawn, so that one can be pasted into any picture."""

    present: bool
    center_px: Point
    size_px: Point
    rotation_deg: float
    paper: Colour
    ink: Colour
    lines: int


@dataclass(frozen=True)
class Pebble:
    """A banded pebble in the colours of paper and ink: colour never tells that there is a label."""

    present: bool
    center_px: Point
    size_px: Point
    rotation_deg: float
    colour: Colour
    band: Colour


@dataclass(frozen=True)
class LeafSpec:
    """Everything about one picture. `to_dict` and `from_dict` are exact inverses."""

    family: str
    seed: int
    shape: Shape
    margin: Margin
    venation: Venation
    apex: Apex
    petiole: Petiole
    texture: Texture
    pose: Pose
    palette: Palette
    light: Light
    background: Background
    damage: Damage
    label: Label
    pebble: Pebble

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, numbers and strings, ready for `json.dumps`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LeafSpec:
        """Read `to_dict`'s form back.

        Raises
        ------
        LensError
            Where a field is missing or unknown; the message names it.
        """
        return _read(cls, data, "leaf")


_T = TypeVar("_T")
_HINTS: dict[type, MappingProxyType[str, Any]] = {}


def _read(kind: type[_T], data: Any, where: str) -> _T:
    if kind not in _HINTS:
        _HINTS[kind] = MappingProxyType(get_type_hints(kind))
    hints = _HINTS[kind]
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    given = set(data) if isinstance(data, dict) else set()
    if given != names:
        wrong = ", ".join(sorted(given ^ names)) or "not an object"
        raise LensError(f"{where}: fields do not fit ({wrong}); write the leaves again")
    return kind(**{name: _value(hints[name], data[name], f"{where}.{name}") for name in data})


def _value(hint: Any, value: Any, where: str) -> Any:
    if isinstance(hint, type) and is_dataclass(hint):
        return _read(hint, value, where)
    return _tupled(value)


def _tupled(value: Any) -> Any:
    return tuple(_tupled(item) for item in value) if isinstance(value, list | tuple) else value
