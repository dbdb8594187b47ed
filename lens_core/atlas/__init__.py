"""The atlas: plain files that hold what an engine found, read and written without torch."""

from .errors import AtlasDamaged, LensError
from .progress import Track, no_track
from .reader import Atlas, AtlasClass
from .schema import (
    FORMAT_VERSION,
    Ablation,
    Alignment,
    AttributionInfo,
    ClassEntry,
    ClassInfo,
    ClassPlace,
    ClassShare,
    ConceptInfo,
    CropPlace,
    DictionaryFit,
    DictionaryInfo,
    FactorizationQuality,
    Fidelity,
    Manifest,
    ModelInfo,
    SharedConcept,
    SharedInfo,
    Steering,
)
from .shared import AtlasShared
from .verify import require_whole, verify_atlas
from .writer import AtlasWriter, ClassWriter

__all__ = [
    "FORMAT_VERSION",
    "Ablation",
    "Alignment",
    "Atlas",
    "AtlasClass",
    "AtlasDamaged",
    "AtlasShared",
    "AtlasWriter",
    "AttributionInfo",
    "ClassEntry",
    "ClassInfo",
    "ClassPlace",
    "ClassShare",
    "ClassWriter",
    "ConceptInfo",
    "CropPlace",
    "DictionaryFit",
    "DictionaryInfo",
    "FactorizationQuality",
    "Fidelity",
    "LensError",
    "Manifest",
    "ModelInfo",
    "SharedConcept",
    "SharedInfo",
    "Steering",
    "Track",
    "no_track",
    "require_whole",
    "verify_atlas",
]
