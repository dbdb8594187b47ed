"""Methods by name. A new one is one file and one line here."""

from __future__ import annotations

from typing import Protocol

from lens_core.factorization.archetypal import ArchetypalAnalysis
from lens_core.factorization.base import Factorization
from lens_core.factorization.convex_nmf import ConvexNMF
from lens_core.factorization.dictionary_learning import DictionaryLearning
from lens_core.factorization.ica import ICA
from lens_core.factorization.kmeans import KMeans
from lens_core.factorization.nmf import NMF
from lens_core.factorization.pca import PCA
from lens_core.factorization.semi_nmf import SemiNMF
from lens_core.factorization.sparse_codes import BatchTopKSAE, JumpReLUSAE, TopKSAE, VanillaSAE
from lens_core.factorization.sparse_pca import SparsePCA
from lens_core.factorization.svd import SVD


class Method(Protocol):
    """What all methods can be told; their further options have defaults."""

    def __call__(self, n_concepts: int, *, seed: int = 0) -> Factorization: ...


METHODS: dict[str, Method] = {
    "nmf": NMF,
    "semi_nmf": SemiNMF,
    "convex_nmf": ConvexNMF,
    "archetypal": ArchetypalAnalysis,
    "kmeans": KMeans,
    "svd": SVD,
    "pca": PCA,
    "sparse_pca": SparsePCA,
    "ica": ICA,
    "dictionary_learning": DictionaryLearning,
    "sae": VanillaSAE,
    "topk_sae": TopKSAE,
    "batch_topk_sae": BatchTopKSAE,
    "jumprelu_sae": JumpReLUSAE,
}
