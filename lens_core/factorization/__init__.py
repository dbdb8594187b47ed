"""Factorizations of activations into concepts: one interface, one file a method."""

from __future__ import annotations

from lens_core.factorization.base import Factorization, relative_error
from lens_core.factorization.nmf import NMF
from lens_core.factorization.nmf_stack import fit_stack
from lens_core.factorization.registry import METHODS
from lens_core.factorization.units import Units

__all__ = ["METHODS", "NMF", "Factorization", "Units", "fit_stack", "relative_error"]
