"""What an atlas is built with."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from lens_core.atlas.errors import LensError
from lens_core.atlas.schema import Basis, Frozen, JsonValue, Scope

Method = Literal[
    "nmf",
    "semi_nmf",
    "convex_nmf",
    "archetypal",
    "kmeans",
    "svd",
    "pca",
    "sparse_pca",
    "ica",
    "dictionary_learning",
    "sae",
    "topk_sae",
    "batch_topk_sae",
    "jumprelu_sae",
]
METHODS: tuple[str, ...] = get_args(Method)
"""Names of `lens_core.factorization.METHODS`, for who must not import torch."""


class Division(Frozen):
    """Where concepts are divided, and into how many."""

    layer: str
    concepts: int = Field(3, ge=1, le=100, description="sub-concepts of each concept")

    @classmethod
    def parse(cls, text: str) -> Division:
        """Read ``LAYER`` or ``LAYER:N``.

        Raises
        ------
        LensError
            N is no number from 1 to 100.
        """
        layer, _, count = text.partition(":")
        if not count:
            return cls(layer=layer)
        if not (count.isdigit() and 1 <= int(count) <= 100):
            raise LensError(f"--divide {text}: after the colon comes a number from 1 to 100")
        return cls(layer=layer, concepts=int(count))

    def __str__(self) -> str:
        return f"{self.layer}:{self.concepts}"


class BuildSettings(Frozen):
    """Settings of a build. All of them are written into the atlas."""

    concepts: int = Field(10, ge=1, le=65536, description="r, concepts of a dictionary")
    method: Method = "nmf"
    bases: tuple[Basis, ...] = Field(("concepts",), min_length=1)
    scopes: tuple[Scope, ...] = Field(
        ("class",), min_length=1, description="dictionaries of each class, one for all, or both"
    )
    class_concepts: int = Field(
        10, ge=1, le=1000, description="concepts of a shared dictionary that a class shows"
    )
    shared_rows: int = Field(
        65_536,
        ge=1,
        description="activations that a shared dictionary is fitted on, classes alike; bounds its "
        "memory, half a gigabyte for 2,048 channels",
    )
    shared_visualizations: int | None = Field(
        None,
        ge=0,
        description="visualizations of a shared dictionary, of the concepts that matter most; "
        "None: of all that live",
    )
    divisions: tuple[Division, ...] = Field(
        (), description="of the first dictionary's concepts, from the output towards the input"
    )
    active: int | None = Field(
        None, ge=1, description="values of each activation that TopK autoencoders keep; None: 4"
    )
    fit_on: Literal["crops", "maps"] = "crops"
    select: Literal["predicted", "labelled", "anywhere"] = Field(
        "predicted", description="anywhere: predicted as the class, from whichever folder"
    )
    held_out: float = Field(
        0.25, ge=0, lt=1, description="share of images kept from fitting, for studies to draw from"
    )
    patch_px: int | None = Field(None, ge=4, description="side of crops in the model's view")
    strongest_crops: int = Field(10, ge=0, description="crops shown for each concept")
    display_px: int = Field(256, ge=32, description="side of the stored pictures")
    sobol_designs: int = Field(128, ge=8, description="N, where the head is not linear")
    sobol_images: int = Field(8, ge=1, description="images sampled where the head is not linear")
    measures: bool = Field(True, description="quality, fidelity, steering and ablation")
    measured_images: int = Field(32, ge=1, description="images that these are asked of")
    stability_folds: int = Field(4, ge=0, description="refits for stability; 0 for none")
    attributions: tuple[str, ...] = Field(
        (), description="methods whose maps are stored for some images of each class"
    )
    attributed_images: int = Field(8, ge=1, description="images with attribution maps")
    visualizations: bool = True
    visualize_units: bool = False
    visualization_px: int | None = Field(None, ge=32, description="None: by the model's input")
    visualization_steps: int | None = Field(None, ge=1, description="None: by the model's input")
    skip_corrupt: bool = False
    batch: int = Field(64, ge=1, description="pictures encoded at once")
    seed: int = Field(0, ge=0)

    def recorded(self) -> dict[str, JsonValue]:
        """As an atlas keeps them: all but what cannot change what a good file gives."""
        without = {"batch", "skip_corrupt"}
        values: dict[str, JsonValue] = self.model_dump(mode="json", exclude=without)
        values["divisions"] = [str(division) for division in self.divisions]
        return values
