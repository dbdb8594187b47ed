"""Train LeafNet on a folder of images and write a model folder.

::

    MODEL/model.json             architecture, settings, class names, preprocessing, how it did
    MODEL/weights.safetensors    parameters and running statistics

`lens atlas build --model MODEL` reads it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from lens_core.atlas import LensError, Track, no_track
from lens_core.atlas.files import canonical_json, pretty_json, sha256_bytes, write_atomic
from lens_core.device import (
    autocast,
    choose_device,
    choose_precision,
    keep_freed_memory,
    use_available_cores,
)
from lens_core.models.preprocessing import Preprocessing
from lens_core.training.images import (
    Examples,
    batches,
    fingerprint,
    list_examples,
    load_examples,
)
from lens_core.training.leafnet import LeafNet

_VERSION = 1  # raise it when the recipe below changes, so that old models are trained again
_MEAN = (0.45, 0.45, 0.40)
_STD = (0.25, 0.25, 0.25)


@dataclass(frozen=True)
class TrainSettings:
    """How to train. The defaults are for a thousand images on two cores in about a minute.

    `max_lr` is the peak of a one-cycle schedule (Smith & Topin 2019); `held_out_share` of each
    class is set aside for testing when no held-out folder is given. The first `coarse_share` of the
    epochs sees the images at three quarters of `input_px`.
    """

    epochs: int = 24
    coarse_share: float = 0.4
    batch: int = 32
    max_lr: float = 3e-3
    weight_decay: float = 0.02
    width: int = 16
    input_px: int = 128
    held_out_share: float = 0.2
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise LensError(f"--epochs is {self.epochs}: give at least 1")
        if self.input_px < 32:
            raise LensError(f"--px is {self.input_px}: give at least 32")
        if not 0 < self.held_out_share < 1:
            raise LensError(f"held_out_share is {self.held_out_share}: give a share in (0, 1)")


@dataclass(frozen=True)
class TrainedModel:
    """What came of it: `accuracy` on the held-out images, by class, too (both in [0, 1])."""

    folder: Path
    class_names: tuple[str, ...]
    accuracy: float
    class_accuracy: tuple[float, ...]
    n_train: int
    n_held_out: int
    reused: bool


def train_folder(
    images: Path,
    out: Path,
    settings: TrainSettings | None = None,
    track: Track = no_track,
    *,
    held_out: Path | None = None,
    force: bool = False,
) -> TrainedModel:
    """Train on `images` (one folder a class) and write the model folder `out`.

    Parameters
    ----------
    images : Path
        One folder a class; or a folder with `train` and `test` in it, each of that form.
    out : Path
        New, empty, or a model trained before: from the same images and settings it is kept.
    settings : TrainSettings
    track : Track
        Told of every batch.
    held_out : Path, optional
        Images for testing, same form; without it a share of each class is set aside.
    force : bool
        Train again, and into a folder that holds something else.

    Raises
    ------
    LensError
        If images are missing or unreadable, or `out` is not ours to write.
    """
    settings = settings or TrainSettings()
    if held_out is None and (images / "train").is_dir() and (images / "test").is_dir():
        images, held_out = images / "train", images / "test"
    train_files = list_examples(images)
    names = tuple(dict.fromkeys(name for name, _ in train_files))
    if held_out is not None:
        test_files = list_examples(held_out, names)
    else:
        train_files, test_files = _set_aside(train_files, settings)
    recipe = _recipe(settings, train_files, test_files)
    kept = None if force else _finished(out, recipe)
    if kept is not None:
        return kept
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not force:
        raise LensError(
            f"--out {out} is not empty and was not trained from these images and settings: "
            "name another folder, or add --force to replace the model in it"
        )
    train = load_examples(train_files, names, settings.input_px)
    test = load_examples(test_files, names, settings.input_px)
    model = _fit(train, len(names), settings, track)
    right = predict(model, test.x).argmax(1) == test.y
    by_class = tuple(
        float(right[test.y == c].float().mean()) if bool((test.y == c).any()) else float("nan")
        for c in range(len(names))
    )
    trained = TrainedModel(
        out, names, float(right.float().mean()), by_class, len(train), len(test), reused=False
    )
    _write(model, trained, settings, recipe)
    return trained


def normalise(x: Tensor) -> Tensor:
    """Images (n, 3, h, w), uint8 or in [0, 1], as the network wants them."""
    values = x.float().div(255) if x.dtype == torch.uint8 else x
    mean, std = torch.tensor(_MEAN).view(3, 1, 1), torch.tensor(_STD).view(3, 1, 1)
    return ((values - mean) / std).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def predict(model: nn.Module, x: Tensor, batch: int = 64) -> Tensor:
    """Logits (n, classes) in float32 of images (n, 3, h, w), uint8 or in [0, 1]."""
    model.eval()
    return torch.cat([model(normalise(part)).float() for part in torch.split(x, batch)])


def _fit(train: Examples, n_classes: int, settings: TrainSettings, track: Track) -> LeafNet:
    device = choose_device("cpu")
    precision = choose_precision(device, settings.precision)
    use_available_cores()
    keep_freed_memory()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = LeafNet(n_classes, settings.width)
    model = model.to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(settings.seed)
    # A last batch of one image is skipped; see `batches`.
    per_epoch = max(1, -(-len(train) // settings.batch) - int(len(train) % settings.batch == 1))
    total = per_epoch * settings.epochs
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.max_lr, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.max_lr, total_steps=total, pct_start=0.25
    )
    model.train()

    def all_batches() -> Any:
        for epoch in range(settings.epochs):
            # Smaller pictures first: what is coarse is learned at half the price.
            coarse = epoch < settings.epochs * settings.coarse_share
            px = settings.input_px * 3 // 4 if coarse else settings.input_px
            yield from batches(train, settings.batch, px, generator)

    for x, y in track(all_batches(), "training", total):
        with autocast(device, precision):
            logits = model(normalise(x))
        loss = F.cross_entropy(logits.float(), y)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
    return model


def _set_aside(
    files: list[tuple[str, Path]], settings: TrainSettings
) -> tuple[list[tuple[str, Path]], list[tuple[str, Path]]]:
    """Split each class at random, at least one image on either side."""
    generator = torch.Generator().manual_seed(settings.seed)
    train, test = [], []
    for name in dict.fromkeys(name for name, _ in files):
        own = [item for item in files if item[0] == name]
        if len(own) < 2:
            raise LensError(f"{own[0][1].parent}: one image alone cannot be trained on and tested")
        n_test = min(len(own) - 1, max(1, round(len(own) * settings.held_out_share)))
        picked = set(torch.randperm(len(own), generator=generator)[:n_test].tolist())
        test += [item for k, item in enumerate(own) if k in picked]
        train += [item for k, item in enumerate(own) if k not in picked]
    return train, test


def _recipe(
    settings: TrainSettings, train: list[tuple[str, Path]], test: list[tuple[str, Path]]
) -> str:
    """What the weights follow from, as one hash."""
    parts = [_VERSION, asdict(settings), fingerprint(train), fingerprint(test)]
    return sha256_bytes(canonical_json(parts))


def _finished(out: Path, recipe: str) -> TrainedModel | None:
    try:
        card = json.loads((out / "model.json").read_text("utf-8"))
        weights = (out / "weights.safetensors").read_bytes()
        training = card["training"]
        if training["recipe"] != recipe or training["weights_sha256"] != sha256_bytes(weights):
            return None
        return TrainedModel(
            out,
            tuple(card["class_names"]),
            training["accuracy"],
            tuple(training["class_accuracy"]),
            training["n_train"],
            training["n_held_out"],
            reused=True,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(model: LeafNet, trained: TrainedModel, settings: TrainSettings, recipe: str) -> None:
    tensors = {name: t.detach().contiguous() for name, t in model.state_dict().items()}
    weights = save(tensors)
    px = settings.input_px
    card = {
        "architecture": "leafnet",
        "settings": {"width": settings.width},
        "class_names": list(trained.class_names),
        "preprocessing": Preprocessing(px, _MEAN, _STD, px, "bilinear").to_mapping(),
        "training": {
            "recipe": recipe,
            "weights_sha256": sha256_bytes(weights),
            "settings": asdict(settings),
            "n_train": trained.n_train,
            "n_held_out": trained.n_held_out,
            "accuracy": trained.accuracy,
            "class_accuracy": list(trained.class_accuracy),
        },
    }
    write_atomic(trained.folder / "weights.safetensors", weights)
    # The card comes last: where it is, the weights are whole.
    write_atomic(trained.folder / "model.json", pretty_json(card))
