"""Training on a folder: learns, repeats, is reused, names mistakes; and the planted bias."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file

from lens_core.atlas import LensError, no_track
from lens_core.training.cli import train as command
from lens_core.training.images import augment, list_examples
from lens_core.training.leafnet import STRIDE, LeafNet
from lens_core.training.train import TrainSettings, normalise, predict, train_folder

TINY = TrainSettings(epochs=6, batch=8, width=4, input_px=32, precision="float32")


class Terminal:
    """What commands need of the terminal."""

    track = staticmethod(no_track)

    def note(self, text: str) -> None: ...


@pytest.fixture
def stripes(tmp_path: Path) -> Path:
    """Two classes that only a spatial filter tells apart: stripes along x or along y."""
    rng = np.random.default_rng(0)
    for name, axis in (("across", 0), ("upright", 1)):
        folder = tmp_path / "images" / name
        folder.mkdir(parents=True)
        for i in range(20):
            wave = np.sin(np.arange(40) / 2.2 + rng.uniform(0, 6)) * 80 + 128
            field = np.broadcast_to(wave if axis else wave[:, None], (40, 40))
            noisy = (field[..., None] + rng.normal(0, 10, (40, 40, 3))).clip(0, 255)
            Image.fromarray(noisy.astype(np.uint8)).save(folder / f"{i}.png")
    return tmp_path / "images"


def test_maps_are_non_negative_and_the_head_is_pool_and_linear() -> None:
    model = LeafNet(5, width=4).eval()
    x = torch.rand(2, 3, 128, 128)
    maps = model.features(x)
    assert maps.shape == (2, 32, 128 // STRIDE, 128 // STRIDE)
    assert (maps >= 0).all()
    by_hand = maps.mean((2, 3)) @ model.classifier.weight.T + model.classifier.bias
    assert torch.allclose(model(x), by_hand, atol=1e-5)


@pytest.mark.parametrize("px", [17, 72, 100, 131])
def test_any_size_goes_through(px: int) -> None:
    assert LeafNet(3, width=2).eval()(torch.rand(1, 3, px, px)).shape == (1, 3)


def test_learns_and_says_how_well(stripes: Path, tmp_path: Path) -> None:
    done = train_folder(stripes, tmp_path / "model", TINY)
    assert done.class_names == ("across", "upright")
    assert (done.n_train, done.n_held_out) == (32, 8)
    assert done.accuracy >= 0.9
    card = json.loads((tmp_path / "model" / "model.json").read_text())
    assert card["architecture"] == "leafnet"
    assert card["class_names"] == ["across", "upright"]
    assert card["preprocessing"]["input_px"] == 32
    model = LeafNet(2, **card["settings"])
    model.load_state_dict(load_file(tmp_path / "model" / "weights.safetensors"))
    x = torch.stack(
        [
            torch.from_numpy(np.array(Image.open(stripes / name / "0.png").resize((32, 32))))
            for name in ("across", "upright")
        ]
    ).permute(0, 3, 1, 2)
    assert predict(model, x).argmax(1).tolist() == [0, 1]


def test_same_seed_same_weights_and_reuse(stripes: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    train_folder(stripes, first, TINY)
    train_folder(stripes, second, TINY)
    weights = (first / "weights.safetensors").read_bytes()
    assert weights == (second / "weights.safetensors").read_bytes()

    def never(items, label, total=None):  # type: ignore[no-untyped-def]
        raise AssertionError("trained again")

    again = train_folder(stripes, first, TINY, never)
    assert again.reused
    other = TrainSettings(**{**TINY.__dict__, "seed": 1})
    with pytest.raises(LensError, match="--force"):
        train_folder(stripes, first, other)
    assert not train_folder(stripes, first, other, force=True).reused
    assert weights != (first / "weights.safetensors").read_bytes()


def test_changed_images_and_damaged_weights_are_noticed(stripes: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    train_folder(stripes, out, TINY)
    weights = out / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(LensError, match="not trained from these images"):
        train_folder(stripes, out, TINY)


def remove_class(root: Path) -> None:
    for file in (root / "across").iterdir():
        file.unlink()


def break_image(root: Path) -> None:
    (root / "across" / "0.png").write_bytes(b"no picture")


def one_class(root: Path) -> None:
    (root / "across").rename(root.parent / "elsewhere")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove_class, "no images in this class"),
        (break_image, "0.png"),
        (one_class, "at least two"),
    ],
)
def test_wrong_folders_are_named(
    stripes: Path, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(stripes)
    with pytest.raises(LensError, match=message):
        train_folder(stripes, tmp_path / "model", TINY)
    assert not (tmp_path / "model").exists()
    with pytest.raises(LensError, match="no such folder"):
        list_examples(tmp_path / "nowhere")


def test_augmentation_keeps_range_and_is_seeded() -> None:
    x = torch.rand(4, 3, 32, 32)
    one = augment(x, torch.Generator().manual_seed(3))
    two = augment(x, torch.Generator().manual_seed(3))
    assert torch.equal(one, two)
    assert one.shape == x.shape
    assert float(one.min()) >= 0
    assert float(one.max()) <= 1
    assert not torch.equal(one, x)


def test_normalise_takes_bytes_and_fractions() -> None:
    x = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    assert torch.allclose(normalise(x), normalise(x.float() / 255))


def test_command(stripes: Path, tmp_path: Path) -> None:
    arguments = ["--images", str(stripes), "--out", str(tmp_path / "m"), "--epochs", "1", "--px"]
    result = CliRunner().invoke(command, [*arguments, "48"], obj=Terminal())
    assert result.exit_code == 0, result.output
    assert "held out" in result.stdout
    card = json.loads((tmp_path / "m" / "model.json").read_text())
    assert card["preprocessing"]["input_px"] == card["training"]["settings"]["input_px"] == 48
    wrong = CliRunner().invoke(command, [*arguments, "8"], obj=Terminal())
    assert isinstance(wrong.exception, LensError)
    assert "--px is 8" in str(wrong.exception)


@pytest.mark.slow
def test_labelled_family_is_told_by_its_label(tmp_path: Path) -> None:
    """The planted bias, at reduced size: two lookalikes, and a label pasted or taken away."""
    from experiments.generators.leaves import (
        LABELLED_FAMILY,
        LOOKALIKE_FAMILY,
        draw,
        sample,
        with_label,
        without_label,
    )

    def picture(spec) -> Image.Image:  # type: ignore[no-untyped-def]
        return draw(spec).image.resize((128, 128), Image.Resampling.BILINEAR)

    for f, family in enumerate((LABELLED_FAMILY, LOOKALIKE_FAMILY)):
        (tmp_path / "images" / family).mkdir(parents=True)
        for i in range(130):
            spec = sample(family, np.random.default_rng([5, f, i]))
            picture(spec).save(tmp_path / "images" / family / f"{i:03d}.png")
    settings = TrainSettings(epochs=20, coarse_share=0, batch=16, width=10)
    done = train_folder(tmp_path / "images", tmp_path / "model", settings)
    assert done.accuracy >= 0.75
    model = LeafNet(2, width=10)
    model.load_state_dict(load_file(tmp_path / "model" / "weights.safetensors"))
    specs = [sample(LOOKALIKE_FAMILY, np.random.default_rng([6, i])) for i in range(16)]

    def vote(labelled: bool) -> torch.Tensor:
        change = with_label if labelled else without_label
        arrays = np.stack([np.asarray(picture(change(s))) for s in specs])
        logits = predict(model, torch.from_numpy(arrays).permute(0, 3, 1, 2))
        k = done.class_names.index(LABELLED_FAMILY)
        return logits[:, k] - logits[:, 1 - k]

    plain, pasted = vote(False), vote(True)
    assert float((plain < 0).float().mean()) >= 0.7
    assert float((pasted > 0).float().mean()) >= 0.7
    assert float((pasted - plain).mean()) > 1
