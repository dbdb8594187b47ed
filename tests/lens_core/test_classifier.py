"""The classifier's cut: exact on many architectures, and clear where it cannot be made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lens_core.atlas import LensError
from lens_core.classifier import Classifier, Preprocessing, load_classifier
from lens_core.models.sources import folder_names
from lens_core.training.leafnet import LeafNet

SMALL = Preprocessing(input_px=64, resize_px=64)

ARCHITECTURES = {
    "timm:test_resnet": ("layer4", True, False),
    "timm:test_efficientnet": ("bn2", True, True),
    "timm:test_convnext": ("stages", False, True),
    "timm:test_vit": ("blocks.4", False, True),
    "timm:test_maxvit": ("norm", True, True),
    "timm:test_nfnet": ("final_act", True, True),
}


def pictures(px: int, n: int = 3) -> torch.Tensor:
    return torch.rand(n, 3, px, px, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("spec", ARCHITECTURES)
def test_head_after_encoder_is_the_whole_network(spec: str) -> None:
    layer, linear, rectified = ARCHITECTURES[spec]
    classifier = load_classifier(spec, weights="none", device="cpu", precision="float32")
    assert (classifier.layer, classifier.linear_head is not None) == (layer, linear)
    assert classifier.rectified is rectified
    x = pictures(classifier.preprocessing.input_px)
    mean = torch.tensor(classifier.preprocessing.mean).view(1, 3, 1, 1)
    std = torch.tensor(classifier.preprocessing.std).view(1, 3, 1, 1)
    with torch.no_grad():
        maps = classifier.encode(x)
        expected = classifier.module((x - mean) / std)
        assert torch.allclose(classifier.logits(x), expected, atol=1e-4, rtol=1e-3)
    assert maps.shape == (3, classifier.n_channels, *classifier.map_shape)
    assert (maps >= 0).all()
    assert maps.dtype == torch.float32


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_torchvision_heads_are_found_linear(name: str) -> None:
    from torchvision.models import get_model

    module = get_model(name, num_classes=7)
    classifier = Classifier(module, preprocessing=SMALL, device="cpu", precision="float32")
    assert classifier.linear_head is not None
    assert classifier.linear_head.weight.shape == (7, classifier.n_channels)
    assert classifier.class_names == tuple(f"class {i}" for i in range(7))
    maps = torch.rand(2, classifier.n_channels, 3, 5)
    slow = classifier._slow_head(maps, None)
    assert torch.allclose(classifier.head(maps), slow, atol=1e-4)


def test_a_head_that_is_almost_linear_is_not_taken_for_linear(tiny_model: str) -> None:
    straight = load_classifier(tiny_model, device="cpu")
    bent = load_classifier(tiny_model.replace(":tiny", ":bent"), device="cpu")
    assert straight.linear_head is not None
    assert bent.linear_head is None


@pytest.mark.parametrize(
    ("name", "layer", "pooled"),
    [
        ("mobilenet_v3_small", None, True),  # a hidden layer after the pooling
        ("convnext_tiny", None, True),  # a norm after the pooling, signed maps
        ("resnet18", "layer3", False),  # a convolution before it
    ],
)
def test_heads_that_read_means_alone_are_found(name: str, layer: str | None, pooled: bool) -> None:
    from torchvision.models import get_model

    module = get_model(name, num_classes=7)
    classifier = Classifier(
        module, preprocessing=SMALL, layer=layer, device="cpu", precision="float32"
    )
    assert classifier.linear_head is None
    assert (classifier.pooled_head is not None) is pooled
    if classifier.pooled_head is not None:
        said = classifier.activations(pictures(64))
        means = said.maps.mean((2, 3))
        if said.negative is not None:
            means = means - said.negative.mean((2, 3))
        expected = classifier.head_of(said)
        assert torch.allclose(classifier.pooled_head(means), expected, atol=1e-4)


def test_a_branch_beside_the_trunk_cannot_be_cut() -> None:
    class Beside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk, self.branch = nn.Conv2d(3, 4, 8, 8), nn.Conv2d(3, 4, 8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (self.trunk(x) + self.branch(x)).mean((2, 3))

    with pytest.raises(LensError, match="data go around it"):
        Classifier(Beside(), preprocessing=SMALL, layer="branch", device="cpu")


def test_gradients_pass_through_both_halves() -> None:
    classifier = load_classifier(
        "timm:test_resnet", weights="none", device="cpu", precision="float32"
    )
    x = pictures(64).requires_grad_(True)
    classifier.head(classifier.encode(x)).sum().backward()
    assert x.grad is not None
    assert float(x.grad.abs().sum()) > 0
    assert all(not p.requires_grad for p in classifier.module.parameters())


def test_prefix_tokens_and_negative_parts_are_kept_for_the_head() -> None:
    classifier = load_classifier("timm:test_vit", weights="none", device="cpu", precision="float32")
    activations = classifier.activations(pictures(classifier.preprocessing.input_px))
    assert activations.prefix is not None
    assert activations.negative is not None
    assert torch.allclose(
        classifier.head_of(activations[:1]), classifier.head_of(activations)[:1], atol=1e-4
    )
    assert not torch.allclose(classifier.head(activations.maps), classifier.head_of(activations))


def test_other_sizes_are_resized_where_the_network_takes_one_only() -> None:
    classifier = load_classifier(
        "timm:test_vit3", weights="none", device="cpu", precision="float32"
    )
    assert classifier.fixed_input
    assert classifier.encode(pictures(48)).shape[2:] == classifier.map_shape


def test_another_layer_of_the_same_network() -> None:
    classifier = load_classifier(
        "timm:test_resnet", weights="none", device="cpu", precision="float32"
    )
    earlier = classifier.at("layer2")
    assert earlier.map_shape[0] > classifier.map_shape[0]
    x = pictures(classifier.preprocessing.input_px)
    assert torch.allclose(earlier.logits(x), classifier.logits(x), atol=1e-4)
    assert "layer2" in [layer.name for layer in classifier.layers]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("layer9", "no such layer; nearest: layer"),
        ("fc", "is no map"),
        ("layer2.0.conv1", "data go around it|do not depend on its map"),
    ],
)
def test_layers_that_cannot_be_cut(layer: str, message: str) -> None:
    with pytest.raises(LensError, match=message) as caught:
        load_classifier("timm:test_resnet", weights="none", layer=layer, device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("torchvision:resnet19", "nearest: .*resnet18"),
        ("timm:test_resnets", "nearest: .*test_resnet"),
        ("nowhere", "no such model; give torchvision:NAME"),
        ("missing.py:f", "there is no file"),
    ],
)
def test_models_that_do_not_exist(spec: str, message: str) -> None:
    with pytest.raises(LensError, match=message):
        load_classifier(spec)


def test_factories_that_go_wrong(tiny_model: str, tmp_path: Path) -> None:
    with pytest.raises(LensError, match="has no function 'absent'"):
        load_classifier(tiny_model.replace(":tiny", ":absent"))
    with pytest.raises(LensError, match="returned int"):
        load_classifier(tiny_model.replace(":tiny", ":nothing"))
    broken = tmp_path / "broken.py"
    broken.write_text("def make():\n    raise RuntimeError('first\\nsecond')\n", encoding="utf-8")
    with pytest.raises(LensError, match="RuntimeError: first second"):
        load_classifier(f"{broken}:make")


def test_a_factory_may_return_a_classifier(tmp_path: Path) -> None:
    file = tmp_path / "made.py"
    file.write_text(
        "import torch\nfrom torch import nn\n"
        "from lens_core.classifier import Classifier, Preprocessing\n"
        "def make():\n"
        "    net = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.ReLU(), nn.Conv2d(4, 5, 1),\n"
        "                        nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
        "    return Classifier(net, preprocessing=Preprocessing(32, resize_px=32), device='cpu')\n",
        encoding="utf-8",
    )
    classifier = load_classifier(f"{file}:make", layer="1")
    assert (classifier.layer, len(classifier.class_names)) == ("1", 5)
    assert classifier.linear_head is not None
    with pytest.raises(LensError, match=r"--weights other\.pt: .* a classifier that is ready"):
        load_classifier(f"{file}:make", weights="other.pt", layer="1")


def test_weights_given_beside_a_model_folder_are_the_ones_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    card = {
        "architecture": "leafnet",
        "settings": {"width": 2},
        "class_names": ["oak", "elm"],
        "preprocessing": {"input_px": 32, "resize_px": 32},
    }
    (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")
    own, other = LeafNet(2, width=2), LeafNet(2, width=2)
    save_file(own.state_dict(), folder / "weights.safetensors")
    save_file(other.state_dict(), tmp_path / "other.safetensors")
    x = pictures(32)
    with torch.inference_mode():
        for weights, net in ((None, own), (tmp_path / "other.safetensors", other)):
            given = None if weights is None else str(weights)
            loaded = load_classifier(
                str(folder), weights=given, device="cpu", precision="float32", layer="features"
            )
            mean = torch.tensor(loaded.preprocessing.mean)[:, None, None]
            sd = torch.tensor(loaded.preprocessing.std)[:, None, None]
            torch.testing.assert_close(
                loaded.logits(x), net.eval()((x - mean) / sd), atol=1e-4, rtol=1e-4
            )
    with pytest.raises(LensError, match="there is no such file"):
        load_classifier(str(folder), weights=str(tmp_path / "absent.pt"))


def test_imagenet_names_and_synonyms() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net.append(nn.Linear(4, 1000))
    classifier = Classifier(net, preprocessing=SMALL, device="cpu")
    assert classifier.class_names[310] == "ant"
    assert classifier.synonyms[310] == ("ant", "emmet", "pismire")
    # The folders of ImageNet itself are called by WordNet ids.
    named = folder_names(classifier.synonyms)
    assert named[310] == ("ant", "emmet", "pismire", "n02219486")
    assert named[309][-1] == "n02206856"
    assert folder_names((("ant",), ("bee",))) == (("ant",), ("bee",))


def test_a_network_that_answers_every_picture_alike_is_refused() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net.append(nn.Linear(4, 2))
    nn.init.zeros_(net[-1].weight)
    with pytest.raises(LensError, match="is it trained"):
        Classifier(net, preprocessing=SMALL, device="cpu")


def test_preprocessing_comes_from_the_metadata() -> None:
    from torchvision.models import get_model_weights

    from lens_core.models.preprocessing import from_torchvision

    found = from_torchvision(get_model_weights("resnet50").DEFAULT)
    assert (found.input_px, found.resize_px, found.interpolation) == (224, 232, "bilinear")
    assert found.mean == (0.485, 0.456, 0.406)
    assert Preprocessing.from_mapping(found.to_mapping(), "here") == found
    with pytest.raises(LensError, match="no field 'sigma'"):
        Preprocessing.from_mapping({"sigma": 1}, "here")
