"""A classifier that was never trained by gradients: colours and Gabor energies under a ridge fit.

It shares nothing with the networks that make pictures, is fitted in a second, and what it looks at
is what a person would call colour, grain and direction. So it is a judge of feature visualizations
that noise cannot please.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

PX = 64
_WAVES_PX = (4.0, 8.0, 14.0)
_DIRECTIONS = 6
_STRIDE = 4
FACTORY = """
from pathlib import Path

from tests.support.gabor import stored


def make():
    return stored(Path(__file__).parent)
"""


class GaborJudge(nn.Module):
    """Pictures (n, 3, 64, 64) → logits; `features` gives non-negative maps of stride 4."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.features = _Features()
        self.head = nn.Linear(self.features.n_channels, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x).mean((2, 3)))
        return logits


class _Features(nn.Module):
    """Lightness, red–green and blue–yellow: their level, either way, and energies of gratings."""

    def __init__(self) -> None:
        super().__init__()
        filters = []
        for wave in _WAVES_PX:
            even, odd = _gabors(wave)
            filters.append(torch.cat([even, odd]))
        self.filters = nn.ParameterList(nn.Parameter(one, requires_grad=False) for one in filters)
        opponent = torch.tensor([[1.0, 1.0, 1.0], [1.5, -1.5, 0.0], [-1.0, -1.0, 2.0]]) / 3
        self.register_buffer("opponent", opponent)
        self.n_channels = 3 * (2 + len(filters) * _DIRECTIONS)
        self.register_buffer("scale", torch.ones(self.n_channels))

    def forward(self, x: Tensor) -> Tensor:
        seen = torch.einsum("ij,njhw->nihw", self.opponent, x)
        level = functional.avg_pool2d(seen, _STRIDE)
        maps = [level.clamp(min=0), (-level).clamp(min=0)]
        n, _, height, width = seen.shape
        for filters in self.filters:
            reach = filters.shape[-1] // 2
            wide = functional.pad(seen.reshape(3 * n, 1, height, width), (reach,) * 4, "reflect")
            even, odd = functional.conv2d(wide, filters).chunk(2, dim=1)
            energy = functional.avg_pool2d((even**2 + odd**2 + 1e-8).sqrt(), _STRIDE)
            maps.append(energy.reshape(n, -1, *energy.shape[2:]))
        return torch.cat(maps, dim=1) * self.scale.view(1, -1, 1, 1)


def _gabors(wave_px: float) -> tuple[Tensor, Tensor]:
    """Even and odd gratings (d, 1, k, k) under a Gaussian, each of mean 0 and length 1."""
    reach = round(0.9 * wave_px)
    at = torch.arange(-reach, reach + 1, dtype=torch.float32)
    y, x = torch.meshgrid(at, at, indexing="ij")
    window = torch.exp(-(x**2 + y**2) / (2 * (0.45 * wave_px) ** 2))
    pairs = []
    for angle in torch.arange(_DIRECTIONS) * math.pi / _DIRECTIONS:
        phase = 2 * math.pi / wave_px * (x * angle.cos() + y * angle.sin())
        for wave in (phase.cos(), phase.sin()):
            grating = window * wave
            grating = grating - window * grating.sum() / window.sum()
            pairs.append(grating / grating.norm())
    stacked = torch.stack(pairs)[:, None]
    return stacked[0::2], stacked[1::2]


def fit_judge(images: Path, out: Path) -> float:
    """Fit on a folder of folders, write the factory `out/judge.py:make`; returns its accuracy."""
    names = sorted(folder.name for folder in images.iterdir())
    pictures, labels = [], []
    for label, name in enumerate(names):
        for file in sorted((images / name).iterdir()):
            with Image.open(file) as opened:
                small = np.asarray(opened.convert("RGB").resize((PX, PX)), dtype=np.float32) / 255
            pictures.append(torch.from_numpy(small).permute(2, 0, 1))
            labels.append(label)
    x, wanted = (torch.stack(pictures) - 0.45) / 0.25, torch.tensor(labels)
    model = GaborJudge(len(names))
    with torch.no_grad():
        raw = torch.cat([model.features(part).mean((2, 3)) for part in torch.split(x, 32)])
        model.features.scale.copy_(1 / raw.std(0).clamp(min=1e-6))
        rows = torch.cat([raw * model.features.scale, torch.ones(len(raw), 1)], dim=1).double()
        penalty = 0.1 * len(rows) * torch.eye(rows.shape[1], dtype=torch.float64)
        penalty[-1, -1] = 0
        weights = torch.linalg.solve(
            rows.T @ rows + penalty, rows.T @ functional.one_hot(wanted).double()
        )
        model.head.weight.copy_(weights[:-1].T)
        model.head.bias.copy_(weights[-1] + 1)  # logits of a class are positive where it is likely
        right = float((model(x).argmax(1) == wanted).float().mean())
    out.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), out / "judge.safetensors")
    (out / "names.txt").write_text("\n".join(names), encoding="utf-8")
    (out / "judge.py").write_text(FACTORY, encoding="utf-8")
    return right


def stored(folder: Path) -> GaborJudge:
    """The judge that `fit_judge` wrote."""
    names = (folder / "names.txt").read_text(encoding="utf-8").splitlines()
    model = GaborJudge(len(names))
    model.load_state_dict(load_file(folder / "judge.safetensors"))
    model.class_names = names
    model.preprocessing = {
        "input_px": PX, "resize_px": PX, "mean": [0.45] * 3, "std": [0.25] * 3
    }  # fmt: skip
    return model
