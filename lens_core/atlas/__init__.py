"""The atlas: plain files that hold what an engine found, read and written without torch."""

from .errors import AtlasDamaged, LensError
from .progress import Track, no_track
from .reader import Atlas, AtlasClass
from .schema import (
    FORMAT_VERSION,
    Alignment,
    ClassEntry,
    ClassInfo,
    ConceptInfo,
    DictionaryFit,
    DictionaryInfo,
    Manifest,
    ModelInfo,
)
from .verify import require_whole, verify_atlas
from .writer import AtlasWriter, ClassWriter

__all__ = [
    "FORMAT_VERSION",
    "Alignment",
    "Atlas",
    "AtlasClass",
    "AtlasDamaged",
    "AtlasWriter",
    "ClassEntry",
    "ClassInfo",
    "ClassWriter",
    "ConceptInfo",
    "DictionaryFit",
    "DictionaryInfo",
    "LensError",
    "Manifest",
    "ModelInfo",
    "Track",
    "no_track",
    "require_whole",
    "verify_atlas",
]
