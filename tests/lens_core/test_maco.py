"""Pictures optimised for concepts and classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lens_core.atlas import LensError
from lens_core.visualization.maco import visualize, visualize_in_lots
from lens_core.visualization.optimise import Visualizations
from lens_core.visualization.phase import PhasePictures
from lens_core.visualization.picture import to_pictures
from lens_core.visualization.settings import MacoSettings
from lens_core.visualization.spectrum import Spectrum, measure_spectrum
from lens_core.visualization.targets import Targets
from tests.support.eye import Eye

QUICK = MacoSettings(size_px=32, steps=12, crops=3, crop_px=24)


@pytest.fixture(scope="module")
def eye() -> Eye:
    return Eye(input_px=24)


@pytest.fixture(scope="module")
def spectrum() -> Spectrum:
    generator = torch.Generator().manual_seed(3)
    rough = torch.rand(8, 3, 8, 8, generator=generator)
    return measure_spectrum(nn.functional.interpolate(rough, 32, mode="bicubic").clamp(0, 1))


@pytest.fixture(scope="module")
def directions() -> Tensor:
    return torch.rand(2, 8, generator=torch.Generator().manual_seed(1))


def late(made: Visualizations) -> Tensor:
    """Mean objective over the last quarter of the steps, (k,)."""
    return made.objective[-len(made.objective) // 4 :].mean(0)


@pytest.mark.parametrize("size_px", [32, 33])
def test_the_magnitude_is_the_templates(spectrum: Spectrum, size_px: int) -> None:
    """Whatever the phases, up to one factor a picture; the zero frequency may be smaller."""
    pictures = PhasePictures(2, size_px, spectrum, torch.Generator().manual_seed(0))
    pictures.phase.data *= 7
    found = torch.fft.rfft2(pictures.decorrelated().detach().double()).abs()
    template = spectrum.resized(size_px).double().expand_as(found).clone()
    template[..., 0, 0] = found[..., 0, 0] = 0
    factor = (found * template).sum((1, 2, 3), keepdim=True) / (template**2).sum((1, 2, 3), True)
    assert torch.allclose(found, factor * template, rtol=1e-3, atol=1e-3 * float(factor.max()))


@pytest.mark.parametrize("contrast", [0.5, 1.0])
def test_pictures_have_the_measured_contrast(spectrum: Spectrum, contrast: float) -> None:
    pictures = PhasePictures(8, 32, spectrum, torch.Generator().manual_seed(0), contrast)
    image = pictures().detach()
    assert image.shape == (8, 3, 32, 32)
    assert 0 <= image.min() < image.max() <= 1
    level = spectrum.levels().square().mean()
    within = pictures.decorrelated().detach()
    within = within - within.mean((2, 3), keepdim=True)
    assert torch.allclose(within.std((1, 2, 3)), contrast / (1 + level).sqrt(), rtol=1e-3)


def test_mean_colours_are_free_as_far_as_photographs_are(spectrum: Spectrum) -> None:
    pictures = PhasePictures(3, 32, spectrum, torch.Generator().manual_seed(0))
    highest = pictures.level
    with torch.no_grad():
        mean, sd = float(pictures.phase.mean()), float(pictures.phase.std())
        for picture, angle in enumerate((-torch.pi / 2, 0.0, torch.pi / 2)):
            pictures.phase[picture, :, 0, 0] = mean + sd * angle
        means = pictures.decorrelated().mean((2, 3))
    for picture, sign in enumerate((-1.0, 0.0, 1.0)):
        assert torch.allclose(means[picture], sign * highest, atol=0.06)


def test_only_phases_receive_gradients(eye: Eye, spectrum: Spectrum, directions: Tensor) -> None:
    visualize(eye, Targets(directions, (1,)), spectrum, QUICK)
    parameters = [*eye.body.parameters(), *eye.top.parameters()]
    assert all(parameter.requires_grad for parameter in parameters)
    assert all(parameter.grad is None for parameter in parameters)
    made_of = PhasePictures(1, 32, spectrum, torch.Generator())
    assert [name for name, _ in made_of.named_parameters()] == ["phase"]


def test_the_gradient_of_the_phase_is_right(spectrum: Spectrum) -> None:
    pictures = PhasePictures(1, 8, spectrum, torch.Generator().manual_seed(0)).double()

    def first_colours(phase: Tensor) -> Tensor:
        made: Tensor = torch.func.functional_call(pictures, {"phase": phase}, ())
        return made[:, :, 1, :3]

    phase = pictures.phase.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(first_colours, (phase,), atol=1e-4)


def test_the_same_seed_gives_the_same_picture(
    eye: Eye, spectrum: Spectrum, directions: Tensor
) -> None:
    one, same, other = (
        visualize(eye, Targets(directions), spectrum, QUICK, seed=seed) for seed in (5, 5, 6)
    )
    assert torch.equal(one.images, same.images)
    assert torch.equal(one.transparency, same.transparency)
    assert not torch.allclose(one.images, other.images, atol=0.1)


def test_the_objective_rises(eye: Eye, spectrum: Spectrum, directions: Tensor) -> None:
    # The same boxes throughout, so that the steps can be compared.
    settings = MacoSettings(size_px=32, steps=60, crops=4, crop_px=24, box_from=0.5, box_to=0.5)
    made = visualize(eye, Targets(directions, (0, 2)), spectrum, settings)
    assert made.objective.shape == (60, 4)
    first = made.objective[:5].mean(0)
    assert (late(made) > first + 0.2 * first.abs()).all()


def test_a_picture_excites_its_own_target_most(eye: Eye, spectrum: Spectrum) -> None:
    settings = MacoSettings(size_px=32, steps=60, crops=4, crop_px=24)
    made = visualize(eye, Targets(classes=(0, 1, 2, 3)), spectrum, settings)
    with torch.no_grad():
        logits = eye.logits(made.images)
    standard = (logits - logits.mean(0)) / logits.std(0)
    assert (standard.argmax(0) == torch.arange(4)).sum() >= 3


class ColourEye(Eye):
    """Sees red, green and blue, and nothing else."""

    def encode(self, x: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(x, 4)


def test_the_cosine_makes_pictures_particular(spectrum: Spectrum) -> None:
    """White is as red as red is; only the cosine tells them apart."""
    red = torch.tensor([[1.0, 0.0, 0.0]])
    shares = []
    for power in (0.0, 2.0):
        settings = MacoSettings(size_px=32, steps=60, crops=4, crop_px=24, cosine_power=power)
        made = visualize(ColourEye(input_px=24), Targets(red), spectrum, settings)
        middle = made.images[0, :, 8:24, 8:24].mean((1, 2))
        shares.append(float(middle[0] / middle.norm()))
    assert shares[1] > shares[0] + 0.02


def test_without_the_cosine_the_objective_is_the_projection(
    eye: Eye, spectrum: Spectrum, directions: Tensor
) -> None:
    settings = MacoSettings(
        size_px=32, steps=1, crops=2, crop_px=32, cosine_power=0, noise=0, lr=1e-9,
        box_from=1.0, box_to=1.0, box_sd=0.0,
    )  # fmt: skip
    made = visualize(eye, Targets(directions * 3), spectrum, settings)
    with torch.no_grad():
        pooled = eye.encode(made.images).mean((2, 3))
    expected = (pooled * torch.nn.functional.normalize(directions, dim=1)).sum(1)
    assert torch.allclose(made.objective[0], expected, rtol=1e-3)


def test_it_stops_when_nothing_rises(eye: Eye, spectrum: Spectrum, directions: Tensor) -> None:
    settings = MacoSettings(size_px=32, steps=40, crops=2, crop_px=24, lr=1e-9, patience=5)
    still = visualize(eye, Targets(directions), spectrum, settings)
    assert len(still.objective) < 40
    rising = MacoSettings(
        size_px=32, steps=12, crops=8, crop_px=24, box_from=0.5, box_to=0.5, patience=6
    )
    assert len(visualize(eye, Targets(directions), spectrum, rising).objective) == 12


def test_together_is_as_good_as_alone(eye: Eye, spectrum: Spectrum, directions: Tensor) -> None:
    settings = MacoSettings(size_px=32, steps=60, crops=6, crop_px=24)
    parts = [Targets(directions[:1]), Targets(directions[1:]), Targets(classes=(1,))]
    together = visualize(eye, Targets(directions, (1,)), spectrum, settings)
    alone = torch.cat([late(visualize(eye, part, spectrum, settings)) for part in parts])
    start = together.objective[0]
    assert torch.allclose(late(together) - start, alone - start, rtol=0.25)


def test_a_directions_length_does_not_matter(
    eye: Eye, spectrum: Spectrum, directions: Tensor
) -> None:
    short = visualize(eye, Targets(directions), spectrum, QUICK)
    long = visualize(eye, Targets(directions * 64), spectrum, QUICK)
    assert torch.equal(short.images, long.images)


def test_sums_of_targets(eye: Eye, spectrum: Spectrum, directions: Tensor) -> None:
    """A sum's objective is the sum of its parts' on the same picture, at either end."""
    weights = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.0, 2.0], [0.0, -1.0, 1.0]])
    still = replace(
        QUICK, steps=1, noise=0.0, box_from=1.0, box_to=1.0, box_sd=0.0, crops=1, lr=1e-9
    )
    both = Targets(directions, (3,), weights=weights)
    made = visualize(eye, both, spectrum, still)
    values = torch.zeros(3, 3)
    for picture, image in enumerate(made.images):
        crop = nn.functional.interpolate(image[None], 24, mode="bilinear")
        with torch.no_grad():
            pooled = eye.encode(crop).mean((2, 3))
            along = pooled @ nn.functional.normalize(directions, dim=1).T
            values[picture, :2] = (along * (along / pooled.norm()).clamp(min=0.1) ** 2)[0]
            values[picture, 2] = eye.logits(crop)[0, 3]
    assert torch.allclose(made.objective[0], (values * weights).sum(1), rtol=0.05)


def test_what_is_avoided_goes_down(eye: Eye, spectrum: Spectrum) -> None:
    settings = MacoSettings(size_px=32, steps=60, crops=4, crop_px=24, box_to=0.5)
    for_and_against = Targets(classes=(1,), weights=torch.tensor([[1.0], [-1.0]]))
    made = visualize(eye, for_and_against, spectrum, settings)
    with torch.no_grad():
        wanted, avoided = eye.logits(made.images)[:, 1]
    assert wanted > avoided


def test_channels_and_single_units(eye: Eye, spectrum: Spectrum) -> None:
    settings = MacoSettings(
        size_px=32, steps=40, crops=2, crop_px=32, cosine_power=0, noise=0.0, box_from=1.0,
        box_to=1.0, box_sd=0.0,
    )  # fmt: skip
    reached = []
    with torch.no_grad():  # a channel that is not dead for this spectrum
        natural = PhasePictures(4, 32, spectrum, torch.Generator().manual_seed(0))()
        alive = int(eye.encode(natural).mean((0, 2, 3)).argmax())
    for single in (False, True):
        targets = Targets.channels([alive], 8, single=single)
        made = visualize(eye, targets, spectrum, settings)
        with torch.no_grad():
            maps = eye.encode(made.images)[0, alive]
        middle = maps[maps.shape[0] // 2, maps.shape[1] // 2]
        reached.append((float(maps.mean()), float(middle)))
    assert reached[0][0] > reached[1][0]  # the channel everywhere
    assert reached[1][1] > reached[0][1]  # the unit in the middle


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Targets(torch.ones(2, 8), weights=torch.ones(3, 4)), r"\(pictures, 2\)"),
        (lambda: Targets.channels([8], 8), "channels 0 to 7"),
    ],
)
def test_targets_that_do_not_fit(wrong: Callable[[], Targets], message: str) -> None:
    with pytest.raises(LensError, match=message):
        wrong()


def test_many_targets_are_made_in_lots(eye: Eye, spectrum: Spectrum) -> None:
    directions = torch.rand(5, 8, generator=torch.Generator().manual_seed(2))
    small = replace(QUICK, at_once=2)
    lots = visualize(eye, Targets(directions, (3,)), spectrum, small, seed=1)
    assert lots.images.shape == (6, 3, 32, 32)
    assert lots.objective.shape == (12, 6)
    second = visualize(eye, Targets(directions[2:4]), spectrum, small, seed=2)
    assert torch.equal(lots.images[2:4], second.images)
    weights = torch.eye(6)
    weighted = visualize(eye, Targets(directions, (3,), weights), spectrum, small, seed=1)
    assert torch.allclose(lots.images[:4], weighted.images[:4], atol=1e-3)


class WatchedEye(Eye):
    """Notes how many crops it is shown at a time."""

    def __init__(self) -> None:
        super().__init__(input_px=24)
        self.shown: list[int] = []

    def encode(self, x: Tensor) -> Tensor:
        self.shown.append(len(x))
        return super().encode(x)


@pytest.mark.parametrize("at_once", [1, 7, 12])
def test_memory_holds_few_crops_however_many_pictures_there_are(
    spectrum: Spectrum, at_once: int
) -> None:
    """And the pictures are the same, whichever share a pass through the network."""
    directions = torch.rand(7, 8, generator=torch.Generator().manual_seed(2))
    targets = Targets(directions, (3,))
    eye = WatchedEye()
    settings = replace(QUICK, steps=4, crop_px=32)
    whole = visualize(eye, targets, spectrum, replace(settings, crops_at_once=1000))
    assert max(eye.shown) == 21  # seven concepts' at once; the class's go the other way
    eye.shown.clear()
    parts = visualize(eye, targets, spectrum, replace(settings, crops_at_once=at_once))
    assert max(eye.shown) == max(3, at_once // 3 * 3)  # a picture's three crops stay together
    assert torch.allclose(parts.images, whole.images, atol=1e-3)
    assert torch.allclose(parts.objective, whole.objective, rtol=1e-3)


def test_lots_come_one_by_one(eye: Eye, spectrum: Spectrum) -> None:
    directions = torch.rand(5, 8, generator=torch.Generator().manual_seed(2))
    small = replace(QUICK, at_once=2)
    targets = Targets(directions, (3,))
    whole = visualize(eye, targets, spectrum, small, seed=1)
    lots = visualize_in_lots(eye, targets, spectrum, small, seed=1)
    first = next(lots)
    assert torch.equal(first.images, whole.images[:2])
    assert [len(lot.images) for lot in lots] == [2, 1, 1]


def test_a_constant_image_set_gives_no_nan(eye: Eye, directions: Tensor) -> None:
    flat = measure_spectrum(torch.full((2, 3, 16, 16), 1.0))
    made = visualize(eye, Targets(directions), flat, QUICK)
    for tensor in (made.images, made.transparency, made.objective):
        assert torch.isfinite(tensor).all()
    assert all(np.isfinite(np.asarray(picture)).all() for picture in to_pictures(made))


@pytest.mark.parametrize(
    ("targets", "message"),
    [(Targets(), "nothing"), (Targets(torch.tensor([[1.0] * 8, [0.0] * 8])), "direction 1")],
)
def test_impossible_targets(eye: Eye, spectrum: Spectrum, targets: Targets, message: str) -> None:
    with pytest.raises(LensError, match=message):
        visualize(eye, targets, spectrum, QUICK)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"size_px": 0},
        {"crop_px": 0},
        {"crops_at_once": 0},
        {"box_to": 0.0},
        {"box_from": 1.5},
    ],
)
def test_impossible_settings(wrong: dict[str, int]) -> None:
    with pytest.raises(LensError, match=next(iter(wrong))):
        MacoSettings(**wrong)
