"""A classifier cut in two at a layer: encoder g (pictures → maps) and head h (maps → logits).

Notation, as everywhere in the engine: A (n × d) activations, maps (n, d, h, w) the same before
pooling, and at the public surface pictures (n, 3, H, W) are always in [0, 1].
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lens_core.atlas import LensError
from lens_core.device import autocast, choose_device, choose_precision, prepare_model
from lens_core.models import split as cut
from lens_core.models.pooled_head import find_pooled_head
from lens_core.models.preprocessing import Preprocessing
from lens_core.models.sources import Source, open_source, with_imagenet_names

__all__ = ["Activations", "Classifier", "LinearHead", "Preprocessing", "load_classifier"]


@dataclass(frozen=True)
class LinearHead:
    """logits = mean over positions(maps) · weightᵀ + bias; weight (C, d), bias (C,)."""

    weight: Tensor
    bias: Tensor

    def __call__(self, maps: Tensor) -> Tensor:
        """Maps (n, d, h, w) → logits (n, C)."""
        return self.of_means(maps.mean(dim=(2, 3)))

    def of_means(self, pooled: Tensor) -> Tensor:
        """Means over positions (n, d) → logits (n, C)."""
        return pooled @ self.weight.T + self.bias


@dataclass(frozen=True)
class Activations:
    """All that the layer says of n pictures.

    Attributes
    ----------
    maps
        (n, d, h, w) float32, never negative: what concepts are made of.
    negative
        (n, d, h, w), the amount that rectification took away, where the head listens to it.
    prefix
        (n, p, d), class token and the like of a token model.
    """

    maps: Tensor
    negative: Tensor | None = None
    prefix: Tensor | None = None

    def __getitem__(self, rows: slice | Tensor) -> Activations:
        return Activations(
            self.maps[rows],
            None if self.negative is None else self.negative[rows],
            None if self.prefix is None else self.prefix[rows],
        )


class Classifier:
    """Any torch image classifier, frozen, in evaluation mode, split at a named layer.

    Parameters
    ----------
    module
        Takes normalised pictures (n, 3, H, W), returns logits (n, C).
    preprocessing
        How pictures are brought to the network; normalisation happens in here.
    layer
        Where to cut; None picks the last feature block.
    class_names, synonyms
        Names of the outputs; ImageNet's for 1,000 unnamed ones.
    device, precision
        "auto" picks by what the machine has. Precision concerns the encoder alone; the head
        and all that follows are float32.

    Attributes
    ----------
    linear_head
        Set if everything after the layer is mean pooling and one linear map; verified with
        numbers, so everything computed from it is exact.
    pooled_head
        Means over positions (n, d) → logits (n, C), set if the head reads nothing else of what
        the layer says, linear or not; verified with numbers too. Means are signed: those of
        `Activations.negative` are taken away.
    rectified
        The layer gives negative values; `encode` sets them to 0.
    weights_sha256
        Checksum over names and values of all parameters and buffers as they were given.
    fixed_input
        The network takes no other size than `preprocessing.input_px`; pictures are resized.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        preprocessing: Preprocessing | None = None,
        layer: str | None = None,
        class_names: tuple[str, ...] = (),
        synonyms: tuple[tuple[str, ...], ...] = (),
        spec: str = "",
        name: str = "",
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        self.preprocessing = preprocessing or Preprocessing()
        self.device = choose_device(device)
        self.dtype = choose_precision(self.device, precision)
        self.weights_sha256 = _checksum(module)
        module = prepare_model(module, self.device, self.dtype, keep=[layer] if layer else [])
        self.module = module
        input_px = self.preprocessing.input_px
        n_classes = _count_classes(module, input_px, self.device, spec)
        source = with_imagenet_names(
            Source(module, name, self.preprocessing, class_names, synonyms), n_classes
        )
        self.spec = spec or name or type(module).__name__
        self.name = name or type(module).__name__
        self.class_names = source.class_names
        self.synonyms = source.synonyms or tuple((n,) for n in source.class_names)
        self.fixed_input = cut.takes_only(module, input_px, self.device)
        self._mean = torch.tensor(self.preprocessing.mean, device=self.device).view(1, -1, 1, 1)
        self._std = torch.tensor(self.preprocessing.std, device=self.device).view(1, -1, 1, 1)
        self._cut_at(layer or cut.default_layer(module, input_px, self.fixed_input))

    def _cut_at(self, layer: str) -> None:
        input_px = self.preprocessing.input_px
        self._split = cut.find_split(self.module, layer, input_px, self.fixed_input)
        self._layer = self.module.get_submodule(layer)
        self._grey: Activations | None = None
        self.layer = layer
        self.rectified = self._split.negative
        self.linear_head: LinearHead | None = None
        probe = _probe_maps(self)
        self.linear_head = _find_linear_head(self, probe)
        self.pooled_head: Callable[[Tensor], Tensor] | None = _find_pooled_head(self, probe)

    def at(self, layer: str) -> Classifier:
        """The same network cut at another layer; weights are shared."""
        other = object.__new__(Classifier)
        other.__dict__.update(self.__dict__)
        other._cut_at(layer)
        return other

    @property
    def n_channels(self) -> int:
        """d, the number of channels at the layer."""
        return self._split.channels

    @property
    def map_shape(self) -> tuple[int, int]:
        """Height and width of the maps for pictures of the model's own size."""
        return self._split.side, self._split.side

    @property
    def layers(self) -> tuple[cut.LayerInfo, ...]:
        """Every layer that gives a map, in order of execution."""
        return cut.list_layers(self.module, self.preprocessing.input_px)

    def activations(self, x: Tensor) -> Activations:
        """What the layer says of pictures x (n, 3, H, W) in [0, 1]; differentiable in x."""
        x = self._prepared(x)
        with autocast(self.device, self.dtype):
            output = cut.run_until(self.module, self._layer, x)
        maps, prefix = self._split.layout.to_maps(output)
        maps = maps.float()
        positive = maps.clamp(min=0) if self.rectified else maps
        negative = positive - maps if self._split.needs_negative else None
        return Activations(positive, negative, None if prefix is None else prefix.float())

    def encode(self, x: Tensor) -> Tensor:
        """Pictures (n, 3, H, W) in [0, 1] → maps (n, d, h, w), float32, never negative."""
        return self.activations(x).maps

    def head(
        self, maps: Tensor, negative: Tensor | None = None, prefix: Tensor | None = None
    ) -> Tensor:
        """Maps (n, d, h, w) → logits (n, C), in float32; differentiable in the maps.

        `negative` and `prefix` are those of `Activations`; without them nothing was negative
        and the prefix tokens are those of a grey picture.
        """
        maps = maps.to(self.device, torch.float32)
        if negative is not None:
            maps = maps - negative
        if self.linear_head is not None:
            return self.linear_head(maps)
        return self._slow_head(maps, prefix)

    def head_of(self, activations: Activations) -> Tensor:
        """Logits (n, C) of everything the layer said: those of the whole network."""
        return self.head(activations.maps, activations.negative, activations.prefix)

    def onward(self, activations: Activations, later: Classifier) -> Tensor:
        """Maps (n, d, h, w) of `later`, had this layer said that; differentiable in all of it.

        `later` is the same network, cut at a layer computed after this one.
        """
        maps, negative, prefix = activations.maps, activations.negative, activations.prefix
        output = self._split.layout.from_maps(maps if negative is None else maps - negative, prefix)
        px, n = self._split.dummy_px, self._split.dummy_batch or len(maps)
        dummy = torch.zeros(n, 3, px, px, device=self.device)
        # What follows may work in place; the caller's activations must survive.
        handle = self._layer.register_forward_hook(lambda *_: output.clone())
        try:
            with autocast(self.device, self.dtype):
                answer = cut.run_until(later.module, later._layer, dummy)
        finally:
            handle.remove()
        found = later._split.layout.to_maps(answer)[0].float()
        return found.clamp(min=0) if later.rectified else found

    def logits(self, x: Tensor) -> Tensor:
        """Pictures (n, 3, H, W) in [0, 1] → logits (n, C)."""
        return self.head_of(self.activations(x))

    def _slow_head(self, maps: Tensor, prefix: Tensor | None) -> Tensor:
        px = self._split.dummy_px
        n = self._split.dummy_batch or len(maps)
        dummy = torch.zeros(n, 3, px, px, device=self.device)
        if self._split.layout.prefix and prefix is None:
            prefix = self._grey_prefix().expand(len(maps), -1, -1)
        output = self._split.layout.from_maps(maps, prefix)
        return cut.run_from(self.module, self._layer, output, dummy).float()

    @torch.no_grad()
    def _grey_prefix(self) -> Tensor:
        if self._grey is None:
            px = self.preprocessing.input_px
            self._grey = self.activations(torch.full((1, 3, px, px), 0.5))
        assert self._grey.prefix is not None
        return self._grey.prefix

    def _prepared(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != len(self.preprocessing.mean):
            raise LensError(f"pictures must be (n, 3, H, W) in [0, 1], not {tuple(x.shape)}")
        x = x.to(self.device, torch.float32)
        px = self.preprocessing.input_px
        if self.fixed_input and x.shape[-2:] != (px, px):
            x = nn.functional.interpolate(x, (px, px), mode="bilinear", align_corners=False)
        x = (x - self._mean) / self._std
        return x.contiguous(memory_format=torch.channels_last)


def load_classifier(
    spec: str,
    weights: str | None = None,
    weights_by_order: bool = False,
    layer: str | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> Classifier:
    """Load the classifier that `spec` names; see `lens_core.models.sources` for the forms.

    Raises
    ------
    LensError
        The model, its weights or the layer do not exist or do not fit, in one line.
    """
    source = open_source(spec, weights, weights_by_order)
    if isinstance(source, Classifier):
        return source.at(layer) if layer else source
    return Classifier(
        source.module,
        preprocessing=source.preprocessing,
        layer=layer,
        class_names=source.class_names,
        synonyms=source.synonyms,
        spec=spec,
        name=source.name,
        device=device,
        precision=precision,
    )


def _checksum(module: nn.Module) -> str:
    """SHA-256 over names and values of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.no_grad()
def _count_classes(module: nn.Module, input_px: int, device: torch.device, spec: str) -> int:
    try:
        answer = module(torch.zeros(1, 3, input_px, input_px, device=device))
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise LensError(
            f"--model {spec}: cannot process a picture of {input_px} px: {reason}"
        ) from error
    if not isinstance(answer, Tensor) or answer.ndim != 2:
        raise LensError(f"--model {spec}: must return one tensor of logits (n, classes)")
    return int(answer.shape[1])


def _probe_maps(classifier: Classifier) -> Tensor:
    """Maps of noise, weak and strong, of the kind that `head` is given."""
    generator = torch.Generator().manual_seed(0)
    shape = (3, classifier.n_channels, *classifier.map_shape)
    maps = torch.randn(shape, generator=generator).to(classifier.device)
    maps[1:] = maps[1:].abs() * torch.tensor([0.05, 20.0], device=maps.device).view(2, 1, 1, 1)
    if not classifier._split.needs_negative:
        maps = maps.clamp(min=0)  # the only maps that `head` is ever given
    return maps


@torch.no_grad()
def _find_linear_head(classifier: Classifier, maps: Tensor) -> LinearHead | None:
    """The one linear map after mean pooling, if numbers show that the head is nothing else."""
    d, n_classes = classifier.n_channels, len(classifier.class_names)
    expected = classifier._slow_head(maps, None)
    for layer in reversed(list(classifier.module.modules())):
        if isinstance(layer, nn.Linear) or (
            isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1)
        ):
            weight = layer.weight.flatten(1)
            if weight.shape != (n_classes, d):
                continue
            bias = layer.bias if layer.bias is not None else weight.new_zeros(n_classes)
            head = LinearHead(weight.float(), bias.float())
            if cut.same(head(maps), expected):
                return head
    return None


def _find_pooled_head(classifier: Classifier, maps: Tensor) -> Callable[[Tensor], Tensor] | None:
    """The head on means over positions, if it listens to nothing else."""
    if classifier.linear_head is not None:
        return classifier.linear_head.of_means
    if classifier._split.layout.prefix:
        return None
    return find_pooled_head(classifier.head, maps)
