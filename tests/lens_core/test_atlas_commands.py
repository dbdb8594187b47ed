"""`lens atlas build`, `show` and `verify` as a user meets them."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lens_core import cli
from lens_core.atlas import Atlas, LensError
from webapp.cli import Terminal


def run(command: str, *arguments: object) -> Result:
    return CliRunner().invoke(
        getattr(cli, command), [str(a) for a in arguments], obj=Terminal(), catch_exceptions=True
    )


def build(model: str, images: Path, out: Path, *more: object) -> Result:
    return run(
        "build", "--images", images, "--model", model, "--out", out, "--device", "cpu",
        "--no-visualizations", "--concepts", 3, "--display-px", 64, *more,
    )  # fmt: skip


def test_build_show_verify(tiny_model: str, tiny_images: Path, tmp_path: Path) -> None:
    out = tmp_path / "atlas"
    done = build(tiny_model, tiny_images, out, "--basis", "concepts", "--basis", "units")
    assert done.exit_code == 0, done.output
    assert Atlas.open(out).hash in done.output
    told = json.loads(run("show", out, "--json").stdout)
    assert told["format_version"] == 2
    assert [d["id"] for d in told["dictionaries"]] == ["concepts", "units"]
    concept = told["classes"][0]["concepts"][0]
    assert set(concept) == {
        "id", "dictionary", "importance", "prevalence", "reliability", "important", "n_crops",
        "index", "color", "picture",
    }  # fmt: skip
    shown = run("show", out, "--class", "Red_Fox")
    assert "red fox (0): 16 images" in shown.output
    assert "concepts-0" in shown.output
    missing = run("show", out, "--class", "red foxx")
    assert "nearest: red fox" in str(missing.exception)
    class_file = out / "classes/00000/class.json"
    written = class_file.stat().st_mtime_ns
    names = ("--contributor", "Ada L", "--contributor", "Mary S")
    done = build(tiny_model, tiny_images, out, "--basis", "concepts", "--basis", "units", *names)
    assert done.exit_code == 0, done.output
    assert Atlas.open(out).manifest.contributors == ("Ada L", "Mary S")
    assert class_file.stat().st_mtime_ns == written, "names cost no class"
    assert run("verify", out).exit_code == 0
    victim = out / "classes" / "00000" / "images" / "0000.webp"
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    found = run("verify", out)
    assert found.exit_code == 1
    assert "classes/00000/images/0000.webp: changed" in found.output


def test_another_model_in_the_same_folder_is_refused_without_force(
    tiny_model: str, tiny_images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "atlas"
    assert build(tiny_model, tiny_images, out, "--classes", "blue").exit_code == 0
    again = build(tiny_model, tiny_images, out, "--classes", "blue", "--concepts", "2")
    assert isinstance(again.exception, LensError)
    assert "--force" in str(again.exception)
    forced = build(tiny_model, tiny_images, out, "--classes", "blue", "--concepts", "2", "--force")
    assert forced.exit_code == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--images", "absent"), "--images absent: there is no such folder"),
        (("--classes", "pink"), "--classes pink: there is no such folder"),
        (("--layer", "featurs"), "--layer featurs: .* nearest: features"),
        (("--weights", "absent.pth"), "--weights absent.pth: there is no such file"),
        (("--labels", "absent.csv"), "--labels absent.csv: cannot be read"),
        (("--model", "torchvision:resnet5O"), "nearest: resnet50"),
        (("--device", "tpu"), "--device tpu"),
    ],
)
def test_wrong_input_is_one_line(
    tiny_model: str, tiny_images: Path, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    done = build(tiny_model, tiny_images, tmp_path / "atlas", *change)
    assert isinstance(done.exception, LensError), done.output
    with pytest.raises(LensError, match=message):
        raise done.exception
    assert "\n" not in str(done.exception)
    assert done.exception.exit_code == 2
    assert not (tmp_path / "atlas" / "atlas.json").exists()


def test_weights_that_do_not_fit(tiny_model: str, tiny_images: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"features.0.weight": torch.zeros(6, 3, 4, 4)}, tmp_path / "w.safetensors")
    done = build(
        tiny_model, tiny_images, tmp_path / "atlas", "--weights", tmp_path / "w.safetensors"
    )
    assert "3 missing (features.0.bias, head.weight, head.bias)" in str(done.exception)
    assert "6×3×4×4 in the file, 6×3×8×8 in the model" in str(done.exception)


def test_empty_class_and_corrupt_picture(tiny_model: str, tmp_path: Path) -> None:
    images = tmp_path / "images"
    (images / "blue").mkdir(parents=True)
    done = build(tiny_model, images, tmp_path / "atlas")
    assert "class 'blue' holds no pictures" in str(done.exception)
    (images / "blue" / "a.png").write_bytes(b"no picture")
    done = build(tiny_model, images, tmp_path / "atlas")
    assert "a.png: cannot be read as a picture" in str(done.exception)
    done = build(tiny_model, images, tmp_path / "atlas", "--skip-corrupt")
    assert "no picture in" in str(done.exception)
    assert "skipped: " in done.output


def test_a_full_disk_is_one_line(
    tiny_model: str, tiny_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.suffix == ".safetensors":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    done = build(tiny_model, tiny_images, tmp_path / "atlas", "--classes", "blue")
    assert isinstance(done.exception, LensError)
    assert "no space left" in str(done.exception)
    assert list((tmp_path / "atlas" / "classes").glob("*")) == []
