"""The human tasks. A new one is one file and one line here."""

from __future__ import annotations

from importlib import import_module

from experiments.paradigms.base import BuildRequest, Paradigm, Percept, Scored
from lens_core.atlas import LensError

__all__ = ["PARADIGMS", "BuildRequest", "Paradigm", "Percept", "Scored", "get_paradigm"]

PARADIGMS: dict[str, str] = {
    "two_afc": "experiments.paradigms.two_afc:TwoAfc",
    "basis_layers": "experiments.paradigms.basis_layers:BasisLayers",
    "intruder": "experiments.paradigms.intruder:Intruder",
    "binary_choice": "experiments.paradigms.binary_choice:BinaryChoice",
    "meta_predictor": "experiments.paradigms.meta_predictor:MetaPredictor",
    "visualizations": "experiments.paradigms.visualizations:Visualizations",
    "plausibility": "experiments.paradigms.plausibility:Plausibility",
    "naming": "experiments.paradigms.naming:Naming",
}


def get_paradigm(name: str) -> Paradigm:
    """The paradigm of that name.

    Raises
    ------
    LensError
        If there is none.
    """
    try:
        module, attribute = PARADIGMS[name].split(":")
    except KeyError:
        raise LensError(f"no paradigm {name!r}; there are {', '.join(PARADIGMS)}") from None
    paradigm: Paradigm = getattr(import_module(module), attribute)()
    return paradigm
