"""Factorizations of activations into concepts. A new method is one file and one line below."""

from __future__ import annotations

from lens_core.factorization.base import Factorization, relative_error
from lens_core.factorization.nmf import NMF
from lens_core.factorization.units import Units

METHODS: dict[str, type[NMF]] = {
    "nmf": NMF,
}

__all__ = ["METHODS", "NMF", "Factorization", "Units", "relative_error"]
