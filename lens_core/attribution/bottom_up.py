"""A control map that knows nothing of any model: what stands out in the pixels alone.

For experiments in which people see a map that looks like an explanation and informs about nothing
that the model does.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lens_core.saliency import spectral_residual_map


def spectral_residual(images: Tensor) -> Tensor:
    """Bottom-up saliency (n, H, W), 0 to 1, of pictures (n, 3, H, W) in [0, 1].

    See :func:`lens_core.saliency.spectral_residual_map`, which studies use without torch.
    """
    pictures = images.detach().float().cpu().permute(0, 2, 3, 1).numpy()
    maps = [spectral_residual_map(picture) for picture in pictures]
    found = np.stack(maps) if maps else np.zeros((0, *images.shape[2:]))
    return torch.from_numpy(found).to(torch.float32)
