"""Published figures of the meta-predictor study, for arithmetic checks.

Source: Colin, Fel, Cadène and Serre (2022), What I Cannot Predict, I Do Not Understand, NeurIPS,
table 1 (accuracy in percent in sessions 1 to 3, and Utility) and section 5 (F, Tukey).
"""

from __future__ import annotations

ACCURACY: dict[str, dict[str, list[float]]] = {
    "husky_wolf": {
        "baseline": [55.7, 66.2, 62.9],
        "control": [53.3, 61.0, 61.4],
        "saliency": [53.9, 69.6, 73.3],
        "integrated_gradients": [67.4, 72.8, 73.2],
        "smoothgrad": [68.7, 75.3, 78.0],
        "gradcam": [77.6, 85.7, 84.1],
        "occlusion": [71.0, 75.7, 78.1],
        "gradient_input": [65.8, 63.3, 67.9],
    },
    "leaves": {
        "baseline": [70.1, 76.8, 78.6],
        "control": [72.0, 78.0, 80.2],
        "saliency": [83.2, 88.7, 82.4],
        "integrated_gradients": [82.5, 82.5, 85.3],
        "smoothgrad": [83.0, 85.7, 86.3],
        "gradcam": [81.9, 83.5, 82.4],
        "occlusion": [78.8, 86.1, 82.9],
        "gradient_input": [76.5, 82.9, 79.5],
    },
    "imagenet": {
        "baseline": [58.8, 62.2, 58.8],
        "control": [60.7, 59.2, 48.5],
        "saliency": [61.7, 60.2, 58.2],
        "integrated_gradients": [59.4, 58.3, 58.3],
        "smoothgrad": [50.3, 55.0, 61.4],
        "gradcam": [54.4, 52.5, 54.1],
        "occlusion": [51.0, 60.2, 55.1],
        "gradient_input": [50.0, 57.6, 62.6],
    },
}

UTILITY: dict[str, dict[str, float]] = {
    "husky_wolf": {
        "control": 0.95,
        "saliency": 1.06,
        "integrated_gradients": 1.15,
        "smoothgrad": 1.2,
        "gradcam": 1.34,
        "occlusion": 1.22,
        "gradient_input": 1.06,
    },
    "leaves": {
        "control": 1.02,
        "saliency": 1.13,
        "integrated_gradients": 1.11,
        "smoothgrad": 1.13,
        "gradcam": 1.1,
        "occlusion": 1.1,
        "gradient_input": 1.05,
    },
    "imagenet": {
        "control": 0.94,
        "saliency": 1.0,
        "integrated_gradients": 0.98,
        "smoothgrad": 0.93,
        "gradcam": 0.9,
        "occlusion": 0.92,
        "gradient_input": 0.95,
    },
}

F: dict[str, tuple[float, int, int]] = {
    "husky_wolf": (9.19, 7, 234),
    "leaves": (4.29, 7, 232),
    "imagenet": (1.26, 7, 233),
}

IMPLIED_SD = {"husky_wolf": 0.143, "leaves": 0.097, "imagenet": 0.112}
"""SD of participants' mean accuracy that makes the published F follow from the means."""

N_ANALYSED = {"husky_wolf": 242, "leaves": 240, "imagenet": 241}
