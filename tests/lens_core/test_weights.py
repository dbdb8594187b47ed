"""Weights from files: what fits is loaded, what does not is named in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lens_core.atlas import LensError
from lens_core.models.weights import load_by_name, load_by_order, read_tensors


def network(channels: int = 4) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, channels, 3), nn.BatchNorm2d(channels), nn.Flatten())


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_both_formats_load(tmp_path: Path, name: str) -> None:
    source, target = network(), network()
    path = tmp_path / name
    if name.endswith("safetensors"):
        save_file(source.state_dict(), path)
    else:
        torch.save({"state_dict": {f"module.{k}": v for k, v in source.state_dict().items()}}, path)
    load_by_name(target, read_tensors(path), str(path))
    assert torch.equal(target[0].weight, source[0].weight)


def test_names_and_shapes_that_do_not_fit_are_listed() -> None:
    tensors = dict(network(5).state_dict())
    tensors["other"] = tensors.pop("0.bias")
    with pytest.raises(LensError) as caught:
        load_by_name(network(), tensors, "--weights w.pth")
    message = str(caught.value)
    assert "\n" not in message
    assert "1 missing (0.bias)" in message
    assert "1 unknown to the model (other)" in message
    assert "0.weight 5×3×3×3 in the file, 4×3×3×3 in the model" in message
    assert "and 2 more" in message


def test_by_order_is_offered_and_works_where_all_shapes_agree() -> None:
    source, target = network(), network()
    renamed = {f"stem.{i}": t for i, t in enumerate(source.state_dict().values()) if t.ndim}
    with pytest.raises(LensError, match="--weights-by-order would load them"):
        load_by_name(target, renamed, "--weights w.pth")
    assert load_by_order(target, renamed, "--weights w.pth") == 6
    assert torch.equal(target[0].weight, source[0].weight)


def test_by_order_names_the_first_difference() -> None:
    with pytest.raises(LensError, match=r"0\.weight 5×3×3×3 meets 0\.weight 4×3×3×3"):
        load_by_order(network(), network(5).state_dict(), "w")
    with pytest.raises(LensError, match="1 tensors in the file, 6 in the model"):
        load_by_order(network(), {"0.weight": torch.zeros(4, 3, 3, 3)}, "w")


def test_files_that_hold_no_weights(tmp_path: Path) -> None:
    with pytest.raises(LensError, match="no such file"):
        read_tensors(tmp_path / "absent.pth")
    for name in ("text.pth", "text.safetensors"):
        (tmp_path / name).write_text("hello", encoding="utf-8")
        with pytest.raises(LensError, match="neither a safetensors"):
            read_tensors(tmp_path / name)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(LensError, match="no state dict"):
        read_tensors(tmp_path / "list.pth")


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (eval, ("(_ for _ in ()).throw(AssertionError('unpickled'))",))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    torch.save({"w": _Trap()}, tmp_path / "trap.pth")
    with pytest.raises(LensError, match="neither a safetensors"):
        read_tensors(tmp_path / "trap.pth")
