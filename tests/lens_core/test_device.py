"""Choice of device and precision; a prepared model answers as the original does."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from lens_core.atlas import LensError
from lens_core.device import (
    autocast,
    available_cores,
    choose_device,
    choose_precision,
    keep_freed_memory,
    prepare_model,
)
from tests.support.lived_models import lived

CPU = torch.device("cpu")


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
