"""A control map that knows nothing of any model: what stands out in the pixels alone.

For experiments in which people see a map that looks like an explanation and informs about nothing
that the model does.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lens_core.attribution.perturbation import gaussian_blur

_WORK_PX = 64
_AVERAGE = 3
_BLUR_PX = 2.5


def spectral_residual(images: Tensor) -> Tensor:
    """Bottom-up saliency (n, H, W), 0 to 1, of pictures (n, 3, H, W) in [0, 1].

    The picture is made grey and small; what its log amplitude spectrum has beyond its own local
    mean is taken back to the picture with the old phase, squared, blurred and enlarged (Hou &
    Zhang, CVPR 2007, section 3: width 64 px, 3 × 3 mean; the blur is that of the authors' code).
    A picture that is the same everywhere has a map of 0.
    """
    images = images.detach().float()
    height, width = images.shape[2:]
    scale = _WORK_PX / max(height, width)
    size = (max(2, round(height * scale)), max(2, round(width * scale)))
    grey = torch.einsum("nchw,c->nhw", images, images.new_tensor([0.299, 0.587, 0.114]))
    small = functional.interpolate(
        grey[:, None], size, mode="bilinear", align_corners=False, antialias=True
    )
    spectrum = torch.fft.fft2(small[:, 0])
    # Nothing but rounding is left of frequencies that a picture does not have.
    floor = 1e-6 * spectrum.abs().amax((1, 2), keepdim=True).clamp(min=1e-30)
    log_amplitude = torch.log(spectrum.abs().clamp(min=floor))
    around = functional.pad(log_amplitude[:, None], (1, 1, 1, 1), mode="circular")
    residual = log_amplitude - functional.avg_pool2d(around, _AVERAGE, stride=1)[:, 0]
    back = torch.fft.ifft2(torch.polar(residual.exp(), spectrum.angle()))
    found = gaussian_blur(back.abs().square()[:, None], _BLUR_PX)
    varied = grey.flatten(1).amax(1) - grey.flatten(1).amin(1) > 1e-3
    found = found * varied.view(-1, 1, 1, 1)
    large = functional.interpolate(found, (height, width), mode="bilinear", align_corners=False)
    lowest = large.amin((1, 2, 3), keepdim=True)
    spread = (large.amax((1, 2, 3), keepdim=True) - lowest).clamp(min=1e-12)
    maps: Tensor = ((large - lowest) / spread)[:, 0]
    return maps.cpu()
