"""Attribution methods against captum, and against definitions written out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lens_core.attribution import ClassTargets, PredictTargets
from lens_core.attribution.class_activation import FEM, GradCAM, GradCAMPP
from lens_core.attribution.gradients import GradientInput, IntegratedGradients, Saliency
from lens_core.attribution.noise import SmoothGrad, SquareGrad, VarGrad
from lens_core.attribution.occlusion import Occlusion
from lens_core.attribution.rectifiers import DeconvNet, GuidedBackprop
from lens_core.attribution.rise import Rise
from lens_core.attribution.segments import grid_segments, slic_segments
from lens_core.attribution.sensitivity import Hsic, Sobol
from lens_core.attribution.surrogates import KernelShap, Lime
from lens_core.classifier import Classifier, Preprocessing

captum = pytest.importorskip("captum.attr")

PX = 24


class Net(nn.Module):
    """A random network with ReLUs as captum wants them, or in place and as functions."""

    def __init__(self, plain: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.plain = plain
        self.one = nn.Conv2d(3, 6, 3, 2, 1)
        self.relu1 = nn.ReLU(inplace=not plain)
        self.two = nn.Conv2d(6, 8, 3, 2, 1)
        self.relu2 = nn.ReLU()
        self.layer = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU())
        self.hidden = nn.Linear(8 * 9, 16)
        self.relu3 = nn.ReLU()
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.two(self.relu1(self.one(x)))
        x = self.relu2(x) if self.plain else x.relu_()
        x = functional.adaptive_avg_pool2d(self.layer(x), 3).flatten(1)
        x = self.hidden(x)
        logits: Tensor = self.head(self.relu3(x) if self.plain else torch.relu(x))
        return logits


class Normalised(nn.Module):
    """The same for pictures in [0, 1], for captum."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Net(plain=True).eval()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net((x - 0.4) / 0.2)
        return logits


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(3, 3, PX, PX, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def targets() -> ClassTargets:
    preprocessing = Preprocessing(
        input_px=PX, resize_px=PX, mean=(0.4,) * 3, std=(0.2,) * 3, interpolation="bilinear"
    )
    classifier = Classifier(
        Net(plain=False), preprocessing=preprocessing, layer="layer", precision="float32"
    )
    return ClassTargets(classifier, (2, 0, 3))


CLASSES = torch.tensor([2, 0, 3])


def close(found: Tensor, expected: Tensor, share: float = 1e-4) -> bool:
    scale = float(expected.detach().abs().max())
    assert scale > 0
    return bool((found - expected).abs().max() <= share * scale)


def test_plain_gradients_are_captums(images: Tensor, targets: ClassTargets) -> None:
    net = Normalised()
    x = images.clone().requires_grad_()
    expected = captum.Saliency(net).attribute(x, target=CLASSES)
    assert close(Saliency().explain(images, targets), expected.amax(1))
    expected = captum.InputXGradient(net).attribute(x, target=CLASSES)
    assert close(GradientInput().explain(images, targets), expected.sum(1))
    expected = captum.IntegratedGradients(net).attribute(x, target=CLASSES, n_steps=50)
    assert close(IntegratedGradients().explain(images, targets, batch=2), expected.sum(1))


@pytest.mark.parametrize(
    ("method", "peer"), [(GuidedBackprop(), "GuidedBackprop"), (DeconvNet(), "Deconvolution")]
)
def test_changed_relus_are_captums_though_ours_work_in_place(
    images: Tensor, targets: ClassTargets, method: GuidedBackprop | DeconvNet, peer: str
) -> None:
    x = images.clone().requires_grad_()
    expected = getattr(captum, peer)(Normalised()).attribute(x, target=CLASSES)
    assert close(method.explain(images, targets), expected.abs().amax(1))
    assert not close(Saliency().explain(images, targets), expected.abs().amax(1), 0.05)


def test_guided_backpropagation_knows_relu6(images: Tensor) -> None:
    weight = torch.tensor([[20.0, 0.0, 0.0], [2.0, 3.0, -1.0], [-9.0, 1.0, 1.0], [0.0, 1.0, 4.0]])

    def predict(x: Tensor) -> Tensor:
        return functional.relu6(x.mean((2, 3)) @ weight.T).sum(1)

    before = images.mean((2, 3)) @ weight.T
    passed = ((before > 0) & (before < 6)).float() @ weight / PX**2
    assert (before > 6).any()
    assert (before < 0).any()
    found = GuidedBackprop().explain(images, PredictTargets(predict))
    assert close(found[:, 0, 0], passed.abs().amax(1))


def test_grad_cam_is_captums(images: Tensor, targets: ClassTargets) -> None:
    net = Normalised()
    peer = captum.LayerGradCam(net, net.net.layer)
    coarse = peer.attribute(images, target=CLASSES, relu_attributions=True)
    expected = functional.interpolate(coarse, PX, mode="bilinear", align_corners=False)[:, 0]
    assert close(GradCAM().explain(images, targets), expected)


def maps_and_gradients(images: Tensor) -> tuple[Tensor, Tensor]:
    net = Normalised()
    kept: list[Tensor] = []
    net.net.layer.register_forward_hook(lambda _m, _i, out: kept.append(out))
    answers = net(images)
    (gradient,) = torch.autograd.grad(answers.gather(1, CLASSES[:, None]).sum(), kept[0])
    return kept[0].detach(), gradient


def test_grad_cam_pp_follows_its_equations(images: Tensor, targets: ClassTargets) -> None:
    maps, gradient = maps_and_gradients(images)
    expected = torch.zeros(3, *maps.shape[2:])
    for n, k in product(range(3), range(maps.shape[1])):
        weight = 0.0
        for g in gradient[n, k].flatten().tolist():
            below = 2 * g**2 + float(maps[n, k].sum()) * g**3
            weight += (g**2 / below if below else 0.0) * max(g, 0.0)
        expected[n] += weight * maps[n, k]
    large = functional.interpolate(expected.clamp(min=0)[:, None], PX, mode="bilinear")[:, 0]
    assert close(GradCAMPP().explain(images, targets), large, 1e-3)


def test_fem_adds_the_means_of_strong_channels(images: Tensor, targets: ClassTargets) -> None:
    maps, _ = maps_and_gradients(images)
    expected = torch.zeros(3, *maps.shape[2:])
    for n, k in product(range(3), range(maps.shape[1])):
        one = maps[n, k]
        mean = one.mean()
        deviation = ((one - mean) ** 2).mean().sqrt()
        if deviation > 0:
            expected[n] += mean * (one >= mean + 2 * deviation).float()
    large = functional.interpolate(expected[:, None], PX, mode="bilinear")[:, 0]
    assert close(FEM().explain(images, targets), large)


@pytest.mark.parametrize(
    ("method", "nt_type"),
    [
        (SmoothGrad(12), "smoothgrad"),
        (SquareGrad(12), "smoothgrad_sq"),
        (VarGrad(12), "vargrad"),
    ],
)
def test_gradients_under_the_same_noise_are_captums(
    images: Tensor,
    targets: ClassTargets,
    method: SmoothGrad | SquareGrad | VarGrad,
    nt_type: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = torch.Generator().manual_seed(5)
    draws = torch.stack([torch.randn(3, PX, PX, generator=generator) for _ in range(12)])
    deviation = 0.15 * (images.amax((1, 2, 3)) - images.amin((1, 2, 3))).view(-1, 1, 1, 1, 1)
    noise = (deviation * draws).flatten(0, 1)  # captum repeats each picture in a row
    monkeypatch.setattr(torch, "normal", lambda *_: noise)
    net = Normalised()
    peer = captum.NoiseTunnel(captum.Saliency(net))
    expected = peer.attribute(
        images, nt_type=nt_type, nt_samples=12, stdevs=1.0, target=CLASSES, abs=False
    )
    if nt_type == "vargrad":
        expected = expected * 12 / 11  # ours is unbiased
    expected = (expected.abs() if nt_type == "smoothgrad" else expected).sum(1)
    assert close(method.explain(images, targets, seed=5), expected, 1e-3)


def test_occlusion_is_captums(images: Tensor, targets: ClassTargets) -> None:
    peer = captum.Occlusion(Normalised())
    expected = peer.attribute(
        images, (3, 6, 6), strides=(3, 3, 3), baselines=0.4, target=CLASSES
    ).mean(1)
    found = Occlusion(patch_size=6, patch_stride=3).explain(images, targets)
    assert close(found, expected, 1e-3)


def test_kernel_shap_is_exact_where_all_subsets_are_asked(
    images: Tensor, targets: ClassTargets
) -> None:
    labels = grid_segments((PX, PX), 9)
    one = images[:1]
    exact = shapley_by_hand(lambda x: Normalised()(x)[:, 2], one, labels, 0.4)
    found = KernelShap(segments="grid", nb_segments=9, nb_samples=600)
    single = ClassTargets(targets.classifier, 2)
    assert close(found.explain(one, single)[0], exact[labels], 1e-3)
    torch.manual_seed(0)
    sampled = captum.KernelShap(Normalised()).attribute(
        one, baselines=0.4, target=2, feature_mask=labels[None, None], n_samples=1500
    )
    assert close(found.explain(one, single)[0], sampled[0, 0], 0.15)


def shapley_by_hand(
    score: Callable[[Tensor], Tensor], image: Tensor, labels: Tensor, baseline: float
) -> Tensor:
    s = int(labels.max()) + 1
    numbers = torch.arange(2**s)
    z = ((numbers[:, None] >> torch.arange(s)) & 1).float()
    masks = z[:, labels][:, None]
    with torch.no_grad():
        answers = score(image * masks + baseline * (1 - masks)).double()
    values = torch.zeros(s, dtype=torch.float64)
    sizes = z.sum(1)
    for i in range(s):
        without = numbers[z[:, i] == 0]
        for subset in without.tolist():
            weight = 1 / (s * math.comb(s - 1, int(sizes[subset])))
            values[i] += weight * (answers[subset + 2**i] - answers[subset])
    return values.float()


def test_sampled_kernel_shap_comes_near(images: Tensor, targets: ClassTargets) -> None:
    exact = KernelShap(segments="grid", nb_segments=9, nb_samples=600).explain(images, targets)
    sampled = KernelShap(segments="grid", nb_segments=9, nb_samples=400).explain(images, targets)
    assert not torch.equal(exact, sampled)
    assert close(sampled, exact, 0.1)


def test_lime_is_the_weighted_ridge_regression_of_scikit_learn(
    images: Tensor, targets: ClassTargets
) -> None:
    from sklearn.linear_model import Ridge

    labels = slic_segments(images[0], 12)
    s = int(labels.max()) + 1
    generator = torch.Generator().manual_seed(3)
    z = (torch.stack([torch.rand(s, generator=generator) for _ in range(80)]) < 0.5).float()
    z[0] = 1
    colours = torch.stack([images[0][:, labels == label].mean(1) for label in range(s)])
    painted = colours[labels].permute(2, 0, 1)
    masks = z[:, labels][:, None]
    with torch.no_grad():
        answers = Normalised()(images[0] * masks + painted * (1 - masks))[:, 2]
    cosine = 1 - functional.cosine_similarity(z, torch.ones(1, s))
    weights = torch.exp(-(cosine**2) / 0.25**2).sqrt()
    model = Ridge(alpha=1.0).fit(z, answers, sample_weight=weights)
    expected = torch.from_numpy(model.coef_).float()[labels]
    single = ClassTargets(targets.classifier, 2)
    method = Lime(nb_samples=80, nb_segments=12)
    assert close(method.explain(images[:1], single, seed=3, batch=7)[0], expected, 1e-3)


def test_rise_is_the_mean_of_masks_by_score() -> None:
    """A score that is 1 where one pixel is kept: the map is how often others are kept with it."""
    image = torch.ones(1, 3, 14, 14)
    centre = PredictTargets(lambda x: x[:, 0, 7, 7])
    method = Rise(nb_samples=300, baseline=0.0)
    found = method.explain(image, centre, seed=2)[0]
    masks = method._masks(300, (14, 14), torch.Generator().manual_seed(2), torch.device("cpu"))
    expected = torch.einsum("m,mhw->hw", masks[:, 7, 7], masks) / masks.sum(0)
    assert close(found, expected)
    assert found.argmax() == 7 * 14 + 7
    assert abs(float(masks.mean()) - 0.5) < 0.03


def test_sobol_and_hsic_of_a_linear_score() -> None:
    """Total indices of a sum are shares of squares; HSIC against its definition, written out."""
    image = torch.ones(1, 3, 6, 6)
    effects = torch.tensor([[3.0, 0.0, 1.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    large = effects.repeat_interleave(2, 0).repeat_interleave(2, 1) / 4
    score = PredictTargets(lambda x: (x[:, 0] * large).sum((1, 2)))
    found = Sobol(grid_size=3, nb_design=512, baseline=0.0).explain(image, score)[0]
    corners = found[[0, 0, 5, 5], [0, 5, 0, 5]]  # not mixed with neighbours by enlarging
    assert torch.allclose(corners, torch.tensor([9.0, 1.0, 0.0, 0.0]) / 14, atol=0.03)

    method = Hsic(grid_size=3, nb_design=64, baseline=0.0)
    found = method.explain(image, score, seed=4)[0]
    engine = torch.quasirandom.SobolEngine(9, scramble=True, seed=4)
    z = (engine.draw(64) < 0.5).double()
    answers = z @ effects.flatten().double()
    apart = (answers[:, None] - answers[None]).abs()
    width = apart[apart > 1e-6].median()
    centring = torch.eye(64, dtype=torch.float64) - 1 / 64
    kernel = torch.exp(-(apart**2) / (2 * width**2))
    expected = [
        torch.trace((z[:, i, None] == z[None, :, i]).double() @ centring @ kernel @ centring)
        / 63**2
        for i in range(9)
    ]
    corners = found[[0, 0, 5, 5], [0, 5, 0, 5]]
    assert torch.allclose(corners.double(), torch.stack(expected)[[0, 2, 6, 8]], rtol=1e-4)
