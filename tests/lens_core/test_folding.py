"""A model with its batch norms folded answers as the original does."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from lens_core.models.folding import fold_batch_norm
from tests.support.lived_models import lived, worst


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
