"""What stands out in the pixels alone, without torch: the control map of experiments.

The engine's :func:`lens_core.attribution.spectral_residual` is the same function over tensors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WORK_PX = 64
_BLUR_PX = 2.5
_GREY = (0.299, 0.587, 0.114)


def spectral_residual_map(picture: NDArray[np.floating]) -> NDArray[np.float64]:
    """Bottom-up saliency (H, W), 0 to 1, of a picture (H, W, 3) in [0, 1].

    The picture is made grey and small; what its log amplitude spectrum has beyond its own local
    mean is taken back to the picture with the old phase, squared, blurred and enlarged (Hou &
    Zhang, CVPR 2007, section 3: width 64 px, 3 × 3 mean; the blur is that of the authors' code).
    A picture that is the same everywhere has a map of 0.

    Examples
    --------
    >>> dot = np.zeros((64, 64, 3))
    >>> dot[20:23, 40:43] = 1
    >>> found = spectral_residual_map(dot)
    >>> found.shape, bool(found[21, 41] > 0.9), bool(found[55, 10] < 0.2)
    ((64, 64), True, True)
    """
    grey = np.asarray(picture, np.float64) @ np.array(_GREY)
    height, width = grey.shape
    if np.ptp(grey) <= 1e-3:
        return np.zeros((height, width))
    scale = WORK_PX / max(height, width)
    small = _resized(grey, max(2, round(width * scale)), max(2, round(height * scale)))
    spectrum = np.fft.fft2(small)
    # Nothing but rounding is left of frequencies that a picture does not have.
    floor = 1e-6 * np.abs(spectrum).max()
    log_amplitude = np.log(np.maximum(np.abs(spectrum), floor))
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    around = sum(np.roll(log_amplitude, shift, (0, 1)) for shift in shifts) / len(shifts)
    back = np.fft.ifft2(np.exp(log_amplitude - around + 1j * np.angle(spectrum)))
    found = _resized(_blurred(np.abs(back) ** 2), width, height)
    found -= found.min()
    return found / max(float(found.max()), 1e-12)


def _resized(values: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    picture = Image.fromarray(values.astype(np.float32))
    large = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(large, dtype=np.float64)


def _blurred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian blur along both axes, edges mirrored."""
    reach = int(4 * _BLUR_PX)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _BLUR_PX) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        widths = [(reach, reach) if one == axis else (0, 0) for one in (0, 1)]
        wide = np.pad(values, widths, mode="symmetric")
        values = np.apply_along_axis(np.convolve, axis, wide, kernel, mode="valid")
    return values
