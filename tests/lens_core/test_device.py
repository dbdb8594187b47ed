"""Choice of device and precision; a prepared model answers as the original does."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lens_core.atlas import LensError
from lens_core.device import (
    autocast,
    available_cores,
    choose_device,
    choose_precision,
    fold_batch_norm,
    keep_freed_memory,
    prepare_model,
)

CPU = torch.device("cpu")


def lived(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give the batch norms statistics as if trained: fresh ones would make folding trivial."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low in (
                (module.running_mean, -0.5),
                (module.running_var, 0.5),
                (module.weight, 0.5),
                (module.bias, -0.5),
            ):
                assert tensor is not None
                tensor.data = low + torch.rand(tensor.shape, generator=generator)
    return model.eval()


def worst(model: nn.Module, other: nn.Module, x: Tensor) -> float:
    """Largest difference of the answers, relative to the largest answer."""
    with torch.no_grad():
        a, b = model(x), other(x)
    return float((a - b).abs().max() / a.abs().max())


class TwoReaders(nn.Module):
    """The convolution's own output is used beside the batch norm's."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return self.norm(y) + y


class SharedConv(nn.Module):
    """One convolution, two batch norms."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.first, self.second = nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.conv(self.first(self.conv(x))))


class Wilful(nn.Module):
    """Decides by value, which no tracer can follow; its child can be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) if x.sum() > 0 else -self.body(x)


def test_auto_takes_a_device_that_works() -> None:
    torch.zeros(1, device=choose_device("auto"))
    assert choose_device("cpu") == CPU


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "cpu:x", ""])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(LensError, match="--device"):
        choose_device(name)


def test_precision() -> None:
    assert choose_precision(CPU, "float32") is torch.float32
    assert choose_precision(CPU, "bfloat16") is torch.bfloat16
    assert choose_precision(CPU) is choose_precision(CPU)
    assert choose_precision(torch.device("mps")) is torch.float32
    with pytest.raises(LensError, match="--precision half"):
        choose_precision(CPU, "half")


def test_folding_an_efficientnet_changes_nothing_but_its_speed() -> None:
    timm = pytest.importorskip("timm")
    model = lived(timm.create_model("tf_efficientnet_lite0", num_classes=10))
    folded = copy.deepcopy(model)
    assert fold_batch_norm(folded) == 49
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    assert set(dict(model.named_modules())) - set(dict(folded.named_modules())) <= {
        name for name, _ in model.named_modules() if ".drop" in name or ".act" in name
    } | {"bn1.drop", "bn1.act", "bn2.drop", "bn2.act"}
    x = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    assert worst(model, folded, x) < 1e-4


def test_folding_a_resnet() -> None:
    torchvision = pytest.importorskip("torchvision")
    model = lived(torchvision.models.resnet18(num_classes=10))
    folded = copy.deepcopy(model)
    assert fold_batch_norm(folded) == 20
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert worst(model, folded, x) < 1e-4


@pytest.mark.parametrize("model_class", [TwoReaders, SharedConv])
def test_what_is_not_certain_stays(model_class: type[nn.Module]) -> None:
    model = lived(model_class())
    folded = copy.deepcopy(model)
    assert fold_batch_norm(folded) == 0
    assert worst(model, folded, torch.randn(2, 3, 16, 16)) == 0


def test_an_untraceable_model_is_folded_child_by_child() -> None:
    model = lived(Wilful())
    folded = copy.deepcopy(model)
    assert fold_batch_norm(folded) == 1
    for sign in (1, -1):
        assert worst(model, folded, sign * torch.rand(2, 3, 16, 16)) < 1e-5


def test_a_layer_whose_output_is_read_is_kept() -> None:
    wilful = lived(Wilful())
    before = copy.deepcopy(wilful.body[0].weight)
    assert fold_batch_norm(wilful, keep=["body.0"]) == 0
    assert torch.equal(wilful.body[0].weight, before)


def test_computed_weights_are_left_alone() -> None:
    model = nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4)
    )
    assert fold_batch_norm(lived(model)) == 0


def test_folding_in_training_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="eval"):
        fold_batch_norm(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))


def test_bfloat16_sees_the_same_and_wants_float32_gradients_where_it_is_slow() -> None:
    model = lived(
        nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU6(),
            nn.Conv2d(16, 16, 3, stride=2, padding=1, groups=16),
            nn.Conv2d(16, 8, 1),
        )
    )
    prepared = prepare_model(copy.deepcopy(model), CPU, torch.bfloat16)
    seen: list[torch.dtype] = []
    conv = prepared.get_submodule("3.conv")
    conv.register_forward_hook(lambda _m, _i, output: seen.append(output.dtype))
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0), requires_grad=True)
    with autocast(CPU, torch.bfloat16):
        (gradient,) = torch.autograd.grad(prepared(x).float().sum(), x)
        with torch.no_grad():
            answer = prepared(x).float()
    assert seen == [torch.float32, torch.bfloat16]
    (expected,) = torch.autograd.grad(model(x).sum(), x)
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(gradient.flatten(), expected.flatten(), dim=0) > 0.99
    assert cosine(answer.flatten(), model(x).detach().flatten(), dim=0) > 0.999
    assert not any(parameter.requires_grad for parameter in prepared.parameters())


def test_a_quota_counts_as_cores(tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text("50000 100000\n")
    assert available_cores(quota) == 1
    quota.write_text("max 100000\n")
    assert available_cores(quota) == available_cores(tmp_path / "none") >= 1
    quota.write_text("99900000 100000\n")
    assert available_cores(quota) == available_cores(tmp_path / "none")


def test_the_users_allocator_settings_win(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MALLOC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    assert keep_freed_memory() is False
