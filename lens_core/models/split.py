"""Cut a network at a named layer without rewriting it: one hook reads, another writes.

The encoder g is the network stopped at the layer; the head h is the network with the layer's
output replaced. That works for every network whose data all pass through the layer, which is
checked with numbers (`find_split`), never assumed.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lens_core.atlas import LensError

_MAX_PREFIX_TOKENS = 5
_PROBE_SEED = 0


class _ReachedError(Exception):
    """Raised inside a forward pass once the layer has answered."""


@dataclass(frozen=True)
class Layout:
    """How a layer lays out its answer, and the way to and from maps (n, d, h, w).

    `prefix` tokens (class token, registers) stand before the patches of a token model.
    """

    kind: Literal["nchw", "nhwc", "tokens"]
    prefix: int = 0

    @classmethod
    def of(cls, output: Tensor, prefix_hint: int | None = None) -> Layout | None:
        """Recognise the layout of a layer's answer to a square picture; None if it is no map."""
        if output.ndim == 4:
            _, a, b, c = output.shape
            return cls("nhwc") if a == b != c else cls("nchw")
        if output.ndim == 3:
            hints = range(_MAX_PREFIX_TOKENS + 1) if prefix_hint is None else (prefix_hint,)
            for prefix in hints:
                patches = output.shape[1] - prefix
                if patches > 1 and math.isqrt(patches) ** 2 == patches:
                    return cls("tokens", prefix)
        return None

    def to_maps(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        """Layer output → maps (n, d, h, w) and prefix tokens (n, p, d) if there are any."""
        if self.kind == "nchw":
            return output, None
        if self.kind == "nhwc":
            return output.permute(0, 3, 1, 2), None
        patches = output[:, self.prefix :]
        side = math.isqrt(patches.shape[1])
        maps = patches.transpose(1, 2).reshape(len(output), -1, side, side)
        return maps, output[:, : self.prefix] if self.prefix else None

    def from_maps(self, maps: Tensor, prefix: Tensor | None) -> Tensor:
        """Inverse of `to_maps`."""
        if self.kind == "nchw":
            return maps
        if self.kind == "nhwc":
            return maps.permute(0, 2, 3, 1)
        patches = maps.flatten(2).transpose(1, 2)
        return patches if prefix is None else torch.cat([prefix.to(patches), patches], dim=1)


@dataclass(frozen=True)
class LayerInfo:
    """A layer at which the network may be cut: its name and the maps it gives."""

    name: str
    channels: int
    height: int
    width: int


@contextmanager
def _hooked(layer: nn.Module, hook: Callable[..., Tensor | None]) -> Iterator[None]:
    handle = layer.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def run_until(module: nn.Module, layer: nn.Module, x: Tensor) -> Tensor:
    """The layer's answer to x; nothing after the layer is computed."""
    answers: list[Tensor] = []

    def stop(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        answers.append(output)
        raise _ReachedError

    with _hooked(layer, stop):
        try:
            module(x)
        except _ReachedError:
            return answers[0]
    raise LensError("the chosen layer takes no part in the forward pass; choose another --layer")


def run_from(module: nn.Module, layer: nn.Module, output: Tensor, dummy: Tensor) -> Tensor:
    """The network's answer had the layer said `output`; `dummy` only sets things in motion."""

    def replace(_module: nn.Module, _inputs: object, _output: Tensor) -> Tensor:
        return output.clone()  # what follows may work in place; the caller's maps must survive

    with _hooked(layer, replace):
        answer: Tensor = module(dummy)
    return answer


@dataclass(frozen=True)
class Split:
    """A verified cut: how to read the layer, and the cheapest dummy that drives the head.

    `dummy_px` is the side of that dummy, `dummy_batch` 1 or None (as many as activations).
    `negative` says that the layer gives values below zero, `needs_negative` that the head
    listens to them.
    """

    layer: str
    layout: Layout
    channels: int
    side: int
    dummy_px: int
    dummy_batch: int | None
    negative: bool
    needs_negative: bool


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two batches of answers (n, C) agree to float32 accuracy, each on its own scale."""
    if a.shape != b.shape or not torch.isfinite(b).all():
        return False
    scale = b.abs().amax(dim=1).clamp(min=1e-30)
    return bool(((a - b).abs().amax(dim=1) <= 1e-4 * scale).all())


def probe_images(input_px: int, device: torch.device) -> Tensor:
    """Two fixed, normalised pictures of noise, enough to try a network out."""
    generator = torch.Generator().manual_seed(_PROBE_SEED)
    return torch.randn(2, 3, input_px, input_px, generator=generator).to(device)


@torch.no_grad()
def takes_only(module: nn.Module, input_px: int, device: torch.device) -> bool:
    """Whether the network refuses pictures of any other size than `input_px`."""
    other = max(32, (input_px * 3 // 4) // 32 * 32)
    try:
        module(torch.zeros(1, 3, other, other, device=device))
    except Exception:
        return other != input_px
    return False


def find_split(module: nn.Module, name: str, input_px: int, fixed_input: bool) -> Split:
    """Try the cut at `name` and describe it.

    Raises
    ------
    LensError
        There is no such layer (nearest names are given), it gives no map, or data go around it.
    """
    layers = dict(module.named_modules())
    if not name or name not in layers:
        raise LensError(_unknown_layer(module, name, input_px))
    split = _try_split(module, name, input_px, fixed_input)
    if isinstance(split, str):
        raise LensError(f"--layer {name}: {split}")
    return split


@torch.no_grad()
def _try_split(module: nn.Module, name: str, input_px: int, fixed_input: bool) -> Split | str:
    """The verified split, or what is wrong with it."""
    layer = dict(module.named_modules())[name]
    device = _device_of(module)
    x = probe_images(input_px, device)
    expected = module(x)
    try:
        output = run_until(module, layer, x)
    except LensError:
        return "takes no part in the forward pass"
    if not isinstance(output, Tensor):
        return "answers with something else than one tensor; choose a block of the network"
    layout = layout_of(module, output)
    if layout is None:
        return f"its output of shape {tuple(output.shape)} is no map; choose an earlier layer"
    small = [] if fixed_input else [64]
    for dummy_px, batch in [*((px, 1) for px in small), (input_px, 1), (input_px, None)]:
        # Unlike the probe, so that data which go around the layer make a difference.
        dummy = x.new_zeros(batch or len(x), 3, dummy_px, dummy_px)
        try:
            answer = run_from(module, layer, output, dummy)
        except Exception:
            continue
        if same(answer, expected):
            break
    else:
        return "data go around it, so the rest of the network does not depend on it alone"
    maps, prefix = layout.to_maps(output)
    rest = layout.from_maps(maps.clamp(min=0), prefix)
    mixed = layout.from_maps(maps.roll(1, dims=1), prefix)
    if same(run_from(module, layer, mixed, dummy), expected):
        return "the class scores do not depend on its map; choose an earlier layer"
    return Split(
        layer=name,
        layout=layout,
        channels=maps.shape[1],
        side=maps.shape[2],
        dummy_px=dummy_px,
        dummy_batch=batch,
        negative=bool((maps < 0).any()),
        needs_negative=not same(run_from(module, layer, rest, dummy), expected),
    )


@torch.no_grad()
def _trace(module: nn.Module, input_px: int) -> list[tuple[str, Tensor]]:
    """(name, output) of every layer whose output is a map, in order of execution."""
    seen: list[tuple[str, Tensor]] = []
    handles = []
    for name, layer in module.named_modules():
        if not name or isinstance(layer, nn.Identity):
            continue

        def note(_m: nn.Module, _i: object, output: object, name: str = name) -> None:
            if isinstance(output, Tensor) and layout_of(module, output):
                seen.append((name, output))

        handles.append(layer.register_forward_hook(note))
    try:
        module(probe_images(input_px, _device_of(module))[:1])
    finally:
        for handle in handles:
            handle.remove()
    return seen


def list_layers(module: nn.Module, input_px: int) -> tuple[LayerInfo, ...]:
    """Every layer that gives a map, in order of execution."""
    found = {}
    for name, output in _trace(module, input_px):
        layout = layout_of(module, output)
        assert layout is not None
        _, channels, height, width = layout.to_maps(output)[0].shape
        found[name] = LayerInfo(name, channels, height, width)
    return tuple(found.values())


def default_layer(module: nn.Module, input_px: int, fixed_input: bool) -> str:
    """The last layer that gives a map (wider than one place) and can carry a cut.

    For a convolutional network that is its last feature block. A transformer that reads its
    class token alone goes one block back, where patches still speak to that token.
    """
    modules = dict(module.named_modules())
    groups: dict[int, list[str]] = {}
    for name, output in _trace(module, input_px):
        layout = layout_of(module, output)
        assert layout is not None
        if layout.to_maps(output)[0].shape[-1] == 1:
            continue
        parent = modules[name.rpartition(".")[0]]
        in_a_chain = parent is module or isinstance(parent, nn.Sequential | nn.ModuleList)
        if layout.kind == "tokens" and not in_a_chain:
            continue
        # Layers that work in place share memory: such a group is as late as its last member.
        address = output.data_ptr()
        groups[address] = [*groups.pop(address, []), name]
    for names in reversed(list(groups.values())):
        name = min(reversed(names), key=lambda n: n.count("."))
        if isinstance(_try_split(module, name, input_px, fixed_input), Split):
            return name
    with torch.no_grad():
        answers = module(probe_images(input_px, _device_of(module)))
    if same(answers[:1], answers[1:2]):
        raise LensError("--model: the class scores are the same whatever it sees; is it trained?")
    raise LensError("--model: no layer gives a map that the class scores depend on")


def _unknown_layer(module: nn.Module, name: str, input_px: int) -> str:
    names = [layer.name for layer in list_layers(module, input_px)]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[-3:]
    return f"--layer {name}: the model has no such layer; nearest: " + ", ".join(near)


def layout_of(module: nn.Module, output: Tensor) -> Layout | None:
    """How one of the network's layers laid out its answer; None if it is no map."""
    return Layout.of(output, _prefix_hint(module))


def _prefix_hint(module: nn.Module) -> int | None:
    hint = getattr(module, "num_prefix_tokens", None)
    return hint if isinstance(hint, int) else None


def _device_of(module: nn.Module) -> torch.device:
    for tensor in module.parameters():
        return tensor.device
    return torch.device("cpu")
