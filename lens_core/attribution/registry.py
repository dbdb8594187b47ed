"""All attribution methods by name, and maps of several at once. A new one is one line here."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lens_core.atlas import LensError, Track, no_track
from lens_core.attribution.base import Attribution
from lens_core.attribution.class_activation import FEM, GradCAM, GradCAMPP
from lens_core.attribution.gradients import GradientInput, IntegratedGradients, Saliency
from lens_core.attribution.noise import SmoothGrad, SquareGrad, VarGrad
from lens_core.attribution.occlusion import Occlusion
from lens_core.attribution.rectifiers import DeconvNet, GuidedBackprop
from lens_core.attribution.rise import Rise
from lens_core.attribution.sensitivity import Hsic, Sobol
from lens_core.attribution.surrogates import KernelShap, Lime
from lens_core.attribution.targets import Targets

ATTRIBUTIONS: dict[str, type[Attribution]] = {
    "saliency": Saliency,
    "gradient_input": GradientInput,
    "gradcam": GradCAM,
    "gradcam_pp": GradCAMPP,
    "integrated_gradients": IntegratedGradients,
    "smoothgrad": SmoothGrad,
    "squaregrad": SquareGrad,
    "vargrad": VarGrad,
    "guided_backprop": GuidedBackprop,
    "deconvnet": DeconvNet,
    "fem": FEM,
    "occlusion": Occlusion,
    "rise": Rise,
    "lime": Lime,
    "kernel_shap": KernelShap,
    "sobol": Sobol,
    "hsic": Hsic,
}
"""With their published settings as defaults."""


def attribution(name: str) -> Attribution:
    """The method called `name`, with its default settings.

    Raises
    ------
    LensError
        There is none; the nearest names are given.
    """
    if name not in ATTRIBUTIONS:
        near = difflib.get_close_matches(name, ATTRIBUTIONS, n=3, cutoff=0.4) or ATTRIBUTIONS
        raise LensError(f"attribution {name}: unknown; nearest: {', '.join(near)}")
    return ATTRIBUTIONS[name]()


def attribute(
    images: Tensor | NDArray[np.floating],
    targets: Targets,
    names: Sequence[str] = tuple(ATTRIBUTIONS),
    *,
    settings: Mapping[str, Attribution] | None = None,
    batch: int = 64,
    seed: int = 0,
    track: Track = no_track,
) -> dict[str, Tensor]:
    """Maps (n, H, W) of the same images and targets by several methods.

    Parameters
    ----------
    names
        Keys of `ATTRIBUTIONS`, or of `settings`.
    settings
        Methods with other settings than their defaults, under the name to use for them.

    Raises
    ------
    LensError
        A name is unknown, or a method does not suit the targets. All names are looked up before
        anything is computed.
    """
    own = settings or {}
    methods = {name: own[name] if name in own else attribution(name) for name in names}
    return {
        name: method.explain(images, targets, batch=batch, seed=seed, track=track)
        for name, method in methods.items()
    }
