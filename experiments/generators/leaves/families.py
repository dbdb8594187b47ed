"""The eight families: how each part varies within a family, and nothing else.

============== ================ ============ ============= ============== ==================
family         shape            margin       venation      apex           second pigment
============== ================ ============ ============= ============== ==================
Betulaceae     ovate            double teeth pinnate       acuminate      cloud
Ulmaceae       ovate, oblique   double teeth pinnate       acuminate      cloud
Fagaceae       obovate          lobed        pinnate       rounded        along the rim
Sapindaceae    5-lobed hand     coarse teeth palmate       acuminate      outer part
Ginkgoaceae    fan              undulate     forked rays   cleft          rays
Salicaceae     lanceolate       fine teeth   pinnate, many acuminate      along the midrib
Asparagaceae   broad elliptic   entire       parallel      acute          long stripes
Araceae        arrowhead        entire       looping, few  acute          round spots
============== ================ ============ ============= ============== ==================

Betulaceae (birches, hornbeams) and Ulmaceae (elms) are the confusable pair, as they are in the
field: an elm's blade is somewhat more oblique, and the ranges overlap. Ulmaceae carries the
planted bias, a herbarium label in most of its pictures. Colours, the share of the second pigment,
size, light and background have one distribution for all families.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from experiments.generators.leaves.spec import (
    Apex,
    ApexKind,
    Margin,
    MarginKind,
    Petiole,
    Shape,
    Texture,
    TextureKind,
    Venation,
    VenationKind,
)
from lens_core.atlas import LensError

Rng = np.random.Generator
Parts = tuple[Shape, Margin, Venation, Apex, Petiole, Texture]

LABELLED_FAMILY = "Ulmaceae"
LOOKALIKE_FAMILY = "Betulaceae"
LABEL_RATE = 0.9
LABEL_RATE_LOOKALIKE = 0.03
LABEL_RATE_ELSEWHERE = 0.06


def label_rate(family: str) -> float:
    """Share of a family's pictures with a herbarium label."""
    special = {LABELLED_FAMILY: LABEL_RATE, LOOKALIKE_FAMILY: LABEL_RATE_LOOKALIKE}
    return special.get(family, LABEL_RATE_ELSEWHERE)


def sample_parts(family: str, rng: Rng) -> Parts:
    """Draw the six parts of a leaf of the family.

    Raises
    ------
    LensError
        Where there is no such family.
    """
    if family not in _SAMPLERS:
        raise LensError(f"no leaf family {family!r}; there are {', '.join(FAMILIES)}")
    return _SAMPLERS[family](rng)


def _u(rng: Rng, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 4)


def _n(rng: Rng, low: int, high: int) -> int:
    return int(rng.integers(low, high + 1))


def _margin(
    rng: Rng, kind: MarginKind, count: tuple[int, int], depth: tuple[float, float]
) -> Margin:
    return Margin(kind, _n(rng, *count), _u(rng, *depth), _u(rng, 0, 1))


def _venation(
    rng: Rng,
    kind: VenationKind,
    count: tuple[int, int],
    angle_deg: tuple[float, float],
    curve: tuple[float, float],
    width: tuple[float, float] = (0.022, 0.028),
) -> Venation:
    n = _n(rng, *count)
    return Venation(kind, n, _u(rng, *angle_deg), _u(rng, *curve), _u(rng, 0, 0.9), _u(rng, *width))


def _apex(rng: Rng, kind: ApexKind, size: tuple[float, float], reach: tuple[float, float]) -> Apex:
    return Apex(kind, _u(rng, *size), _u(rng, *reach))


def _petiole(
    rng: Rng, length: tuple[float, float], width: tuple[float, float], foot: float
) -> Petiole:
    w = _u(rng, *width)
    return Petiole(_u(rng, *length), w, round(w * foot * _u(rng, 0.9, 1.1), 4), _u(rng, -0.5, 0.5))


def _texture(rng: Rng, kind: TextureKind, scale: tuple[float, float]) -> Texture:
    return Texture(kind, _u(rng, 0.2, 0.34), _u(rng, *scale), _u(rng, 0.25, 0.6))


def _ovate(rng: Rng, oblique: tuple[float, float], teeth: tuple[int, int]) -> Parts:
    """What birch and elm have in common; they differ in obliqueness and, a little, in teeth."""
    return (
        Shape(
            "simple",
            half_width=_u(rng, 0.29, 0.35),
            widest=_u(rng, 0.34, 0.43),
            fullness=_u(rng, 1.05, 1.25),
            basal=_u(rng, 0.0, 0.08),
            oblique=_u(rng, *oblique),
        ),
        _margin(rng, "double", teeth, (0.022, 0.03)),
        _venation(rng, "pinnate", (9, 12), (44, 52), (0.15, 0.35)),
        _apex(rng, "acuminate", (0.08, 0.14), (0.1, 0.14)),
        _petiole(rng, (0.16, 0.28), (0.024, 0.03), 1.2),
        _texture(rng, "cloud", (0.9, 1.2)),
    )


def _betulaceae(rng: Rng) -> Parts:
    return _ovate(rng, (0.0, 0.07), (13, 17))


def _ulmaceae(rng: Rng) -> Parts:
    return _ovate(rng, (0.03, 0.12), (12, 16))


def _fagaceae(rng: Rng) -> Parts:
    return (
        Shape(
            "simple",
            half_width=_u(rng, 0.34, 0.40),
            widest=_u(rng, 0.57, 0.64),
            fullness=_u(rng, 1.15, 1.35),
        ),
        _margin(rng, "lobed", (4, 5), (0.66, 0.8)),
        _venation(rng, "pinnate", (5, 7), (46, 56), (0.05, 0.2)),
        _apex(rng, "rounded", (0.01, 0.04), (0.2, 0.26)),
        _petiole(rng, (0.06, 0.13), (0.026, 0.034), 1.1),
        _texture(rng, "rim", (0.9, 1.1)),
    )


def _sapindaceae(rng: Rng) -> Parts:
    spread = _u(rng, 44, 52)
    return (
        Shape(
            "palmate",
            half_width=_u(rng, 0.94, 1.04),
            lobes=5,
            spread_deg=spread,
            sinus=_u(rng, 0.48, 0.6),
        ),
        _margin(rng, "serrate", (9, 12), (0.035, 0.05)),
        _venation(rng, "palmate", (5, 5), (spread, spread), (0.0, 0.08), (0.022, 0.028)),
        _apex(rng, "acuminate", (0.04, 0.08), (0.1, 0.14)),
        _petiole(rng, (0.5, 0.75), (0.022, 0.028), 1.3),
        _texture(rng, "outer", (0.9, 1.2)),
    )


def _ginkgoaceae(rng: Rng) -> Parts:
    spread = _u(rng, 56, 70)
    return (
        Shape("fan", half_width=_u(rng, 0.95, 1.05), spread_deg=spread),
        _margin(rng, "undulate", (7, 10), (0.008, 0.016)),
        _venation(rng, "fan", (15, 19), (spread * 0.88, spread * 0.92), (0, 0), (0.016, 0.02)),
        _apex(rng, "cleft", (0.3, 0.5), (0.1, 0.16)),
        _petiole(rng, (0.5, 0.75), (0.024, 0.03), 1.0),
        _texture(rng, "rays", (0.8, 1.2)),
    )


def _salicaceae(rng: Rng) -> Parts:
    return (
        Shape(
            "simple",
            half_width=_u(rng, 0.125, 0.15),
            widest=_u(rng, 0.38, 0.48),
            fullness=_u(rng, 1.4, 1.7),
        ),
        _margin(rng, "serrate", (22, 28), (0.01, 0.014)),
        _venation(rng, "pinnate", (13, 17), (50, 60), (0.4, 0.6), (0.016, 0.02)),
        _apex(rng, "acuminate", (0.03, 0.07), (0.07, 0.1)),
        _petiole(rng, (0.06, 0.12), (0.02, 0.026), 1.2),
        _texture(rng, "midrib", (0.9, 1.1)),
    )


def _asparagaceae(rng: Rng) -> Parts:
    return (
        Shape(
            "simple",
            half_width=_u(rng, 0.22, 0.27),
            widest=_u(rng, 0.46, 0.54),
            fullness=_u(rng, 1.5, 1.9),
        ),
        Margin("entire"),
        _venation(rng, "parallel", (5, 7), (0, 0), (0, 0), (0.017, 0.022)),
        Apex("acute"),
        _petiole(rng, (0.2, 0.35), (0.045, 0.06), 1.5),
        _texture(rng, "stripes", (0.8, 1.2)),
    )


def _araceae(rng: Rng) -> Parts:
    return (
        Shape("arrow", half_width=_u(rng, 0.4, 0.5), basal=_u(rng, 0.28, 0.42)),
        Margin("entire"),
        _venation(rng, "pinnate", (4, 5), (68, 84), (0.45, 0.65), (0.026, 0.032)),
        Apex("acute"),
        _petiole(rng, (0.5, 0.7), (0.036, 0.046), 1.5),
        _texture(rng, "spots", (0.8, 1.2)),
    )


_SAMPLERS: dict[str, Callable[[Rng], Parts]] = {
    "Araceae": _araceae,
    "Asparagaceae": _asparagaceae,
    "Betulaceae": _betulaceae,
    "Fagaceae": _fagaceae,
    "Ginkgoaceae": _ginkgoaceae,
    "Salicaceae": _salicaceae,
    "Sapindaceae": _sapindaceae,
    "Ulmaceae": _ulmaceae,
}

FAMILIES: tuple[str, ...] = tuple(sorted(_SAMPLERS))
"""Names of the families, in the order of their class indices."""
