"""captum's side of the attribution benchmark: the same methods on a plain function or module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lens_core.attribution.segments import grid_segments
from lens_core.classifier import Classifier
from lens_core.models.sources import open_source

CLASS = 1
SEGMENTS = 36
FORWARD = "forward"
"""Name of the model itself among the methods."""


@dataclass(frozen=True)
class Case:
    """What is measured: pictures a method, samples a picture, pictures at once.

    `photographs` is a safetensors file with uint8 "pictures" (n, 3, px, px), or None for noise.
    """

    spec: str
    weights: str | None
    n_gradient: int
    n_sampled: int
    samples: int
    batch: int
    threads: int
    repeats: int
    photographs: str | None = None

    def pictures(self, n: int, px: int) -> Tensor:
        """The first n photographs, or noise: the time hardly depends on what is seen."""
        if self.photographs is None:
            return torch.rand(n, 3, px, px, generator=torch.Generator().manual_seed(0))
        found = load_file(self.photographs)["pictures"]
        return found[torch.arange(n) % len(found)].float() / 255

    def count(self, name: str) -> int:
        """Pictures to explain: fewer where each needs many forwards."""
        if name == FORWARD:
            return self.samples
        once = ("saliency", "gradient_input", "gradcam", "gradcam_pp", "fem")
        once += ("guided_backprop", "deconvnet")
        return self.n_gradient if name in once else self.n_sampled


def write_photographs(folder: Path, px: int, out: Path) -> int:
    """The model's views of a folder's photographs as one file; how many there are."""
    files = [f for f in sorted(folder.rglob("*")) if f.suffix.lower() in {".jpg", ".jpeg", ".png"}]
    seen = []
    for file in files:
        with Image.open(file) as opened:
            square = ImageOps.fit(opened.convert("RGB"), (px, px), Image.Resampling.BICUBIC)
        seen.append(torch.from_numpy(np.array(square)).permute(2, 0, 1))
    save_file({"pictures": torch.stack(seen).contiguous()}, out)
    return len(seen)


def window(px: int) -> tuple[int, int]:
    """Side and stride of our occlusion by default."""
    side = max(1, round(px / 7))
    return side, max(1, side // 2)


class Peer:
    """captum's methods on a function from pictures to logits."""

    def __init__(self, forward: Any, layer: nn.Module | None, case: Case) -> None:
        self.forward, self.layer, self.case = forward, layer, case

    def run(self, name: str, x: Tensor) -> Tensor | None:
        """Explain pictures; None where captum has no such method."""
        from captum import attr

        f, k, batch = self.forward, self.case.samples, self.case.batch
        target: dict[str, Any] = {"target": CLASS}
        if name == FORWARD:
            with torch.no_grad():
                return torch.cat([f(part) for part in torch.split(x, batch)])
        if name == "saliency":
            return in_batches(lambda p: attr.Saliency(f).attribute(p, **target), x, batch)
        if name == "gradient_input":
            return in_batches(lambda p: attr.InputXGradient(f).attribute(p, **target), x, batch)
        if name in ("guided_backprop", "deconvnet") and isinstance(f, nn.Module):
            kind = attr.GuidedBackprop if name == "guided_backprop" else attr.Deconvolution
            return in_batches(lambda p: kind(f).attribute(p, **target), x, batch)
        if name == "gradcam" and self.layer is not None:
            peer = attr.LayerGradCam(f, self.layer)
            return in_batches(lambda p: peer.attribute(p, **target), x, batch)
        if name == "integrated_gradients":
            peer = attr.IntegratedGradients(f)
            return peer.attribute(x, n_steps=k, internal_batch_size=batch, **target)
        kinds = {"smoothgrad": "smoothgrad", "squaregrad": "smoothgrad_sq", "vargrad": "vargrad"}
        if name in kinds:
            return attr.NoiseTunnel(attr.Saliency(f)).attribute(
                x,
                nt_type=kinds[name],
                nt_samples=k,
                nt_samples_batch_size=max(1, batch // len(x)),
                stdevs=0.15,
                **target,
            )
        return self._one_by_one(name, x, batch, target)

    @torch.no_grad()
    def _one_by_one(
        self, name: str, x: Tensor, batch: int, target: dict[str, Any]
    ) -> Tensor | None:
        from captum import attr

        mask = grid_segments((x.shape[2], x.shape[3]), SEGMENTS)[None, None]
        common = {"baselines": 0.0, "perturbations_per_eval": batch, **target}
        side, stride = window(x.shape[-1])
        methods: dict[str, Callable[[Tensor], Tensor]] = {
            "occlusion": lambda p: attr.Occlusion(self.forward).attribute(
                p, (3, side, side), strides=(3, stride, stride), **common
            ),
            "lime": lambda p: attr.Lime(self.forward).attribute(
                p, feature_mask=mask, n_samples=self.case.samples, **common
            ),
            "kernel_shap": lambda p: attr.KernelShap(self.forward).attribute(
                p, feature_mask=mask, n_samples=self.case.samples, **common
            ),
        }
        if name not in methods:
            return None
        return torch.cat([methods[name](x[i : i + 1]) for i in range(len(x))])


def in_batches(method: Callable[[Tensor], Tensor], x: Tensor, batch: int) -> Tensor:
    """What a user does who has more pictures than memory."""
    parts = [method(x[i : i + batch].clone().requires_grad_()) for i in range(0, len(x), batch)]
    return torch.cat(parts).detach()


class Plain(nn.Module):
    """The model as loaded, for pictures in [0, 1]."""

    def __init__(self, spec: str, weights: str | None) -> None:
        super().__init__()
        source = open_source(spec, weights, False)
        assert not isinstance(source, Classifier)
        self.module = source.module.eval()
        self.px = source.preprocessing.input_px
        self.register_buffer("mean", torch.tensor(source.preprocessing.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(source.preprocessing.std).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.module((x - self.mean) / self.std)
        return logits


def plain_peer(case: Case, layer: str) -> tuple[Peer, int]:
    """captum with the model as loaded, and the side of its pictures."""
    model = Plain(case.spec, case.weights)
    return Peer(model, model.module.get_submodule(layer), case), model.px
