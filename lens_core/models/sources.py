"""From a model SPEC to a network with its names and preprocessing.

SPEC is `torchvision:NAME`, `timm:NAME`, `path/file.py:factory`, or a model folder (`model.json`
beside `weights.safetensors`).
"""

from __future__ import annotations

import difflib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from lens_core.atlas import LensError
from lens_core.models import preprocessing as pre
from lens_core.models.preprocessing import Preprocessing
from lens_core.models.weights import load_by_name, load_by_order, read_tensors

_FORMS = "torchvision:NAME, timm:NAME, file.py:factory or a model folder"


@dataclass(frozen=True)
class Source:
    """A network and what is known about it. Empty names mean that nobody told them."""

    module: nn.Module
    name: str
    preprocessing: Preprocessing
    class_names: tuple[str, ...] = ()
    synonyms: tuple[tuple[str, ...], ...] = ()


def open_source(spec: str, weights: str | None = None, weights_by_order: bool = False) -> Any:
    """Build what `spec` names: a `Source`, or the `Classifier` that a factory returned.

    Parameters
    ----------
    spec
        See the module's first lines.
    weights
        A file, "none" for random weights, or None for the published (or the factory's own) ones.
    weights_by_order
        Permit filling tensors in order, ignoring names, where every shape agrees.
    """
    published = weights is None
    head, _, tail = spec.partition(":")
    if head == "torchvision" and tail:
        source = _torchvision(tail, published)
    elif head == "timm" and tail:
        source = _timm(tail, published)
    elif ".py:" in spec:
        made = _factory(spec)
        if not isinstance(made, nn.Module):
            if weights is not None:
                raise LensError(
                    f"--weights {weights}: {spec} returns a classifier that is ready; load the "
                    "weights in that function, or return the torch module"
                )
            return made
        source = _described(made, spec)
    elif Path(spec).is_dir():
        source = _folder(Path(spec), published)
    else:
        raise LensError(f"--model {spec}: no such model; give {_FORMS}")
    if weights not in (None, "none"):
        tensors = read_tensors(Path(weights))
        load = load_by_order if weights_by_order else load_by_name
        load(source.module, tensors, f"--weights {weights}")
    return source


def imagenet_synonyms() -> tuple[tuple[str, ...], ...]:
    """All names of each of the 1,000 ImageNet classes, from timm's own tables."""
    from timm import data

    info: Any = data.ImageNetInfo()  # type: ignore[attr-defined]
    return tuple(
        tuple(name.strip() for name in info.index_to_description(i).split(","))
        for i in range(info.num_classes())
    )


def folder_names(synonyms: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """Names that a class's folder may bear: its synonyms and, of ImageNet's, its WordNet id."""
    # ImageNet's tables take seconds to import: only for what may be its classes.
    if len(synonyms) != 1000 or synonyms != imagenet_synonyms():
        return synonyms
    from timm import data

    info: Any = data.ImageNetInfo()  # type: ignore[attr-defined]
    ids: list[str] = info.label_names()
    return tuple((*names, wordnet) for names, wordnet in zip(synonyms, ids, strict=True))


def _torchvision(name: str, published: bool) -> Source:
    from torchvision import models

    names = models.list_models()
    if name not in names:
        raise LensError(_no_such_model("torchvision", name, names))
    weights = models.get_model_weights(name).DEFAULT
    if "categories" not in weights.meta:
        raise LensError(f"--model torchvision:{name}: this is no image classifier")
    try:
        module = models.get_model(name, weights=weights if published else None)
    except Exception as error:
        raise LensError(_no_download(f"torchvision:{name}", error)) from error
    categories = tuple(str(c) for c in weights.meta["categories"])
    synonyms = imagenet_synonyms() if len(categories) == 1000 else ()
    return Source(module, name, pre.from_torchvision(weights), categories, synonyms)


def _timm(name: str, published: bool) -> Source:
    import timm

    if not timm.is_model(name.split(".")[0]):
        raise LensError(_no_such_model("timm", name, timm.list_models()))
    try:
        module = timm.create_model(name, pretrained=published)
    except Exception as error:
        raise LensError(_no_download(f"timm:{name}", error)) from error
    names: tuple[str, ...] = ()
    synonyms: tuple[tuple[str, ...], ...] = ()
    if getattr(module, "num_classes", 0) == 1000:
        synonyms = imagenet_synonyms()
        names = tuple(all_names[0] for all_names in synonyms)
    return Source(module, name, pre.from_timm(module), names, synonyms)


def _factory(spec: str) -> Any:
    file, _, name = spec.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise LensError(f"--model {spec}: there is no file {path}")
    loader = importlib.util.spec_from_file_location(f"lens_model_{path.stem}", path)
    assert loader is not None
    assert loader.loader is not None
    python = importlib.util.module_from_spec(loader)
    try:
        loader.loader.exec_module(python)
        factory = getattr(python, name, None)
        if not callable(factory):
            raise LensError(f"--model {spec}: {path} has no function {name!r}")
        made = factory()
    except LensError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise LensError(f"--model {spec}: {type(error).__name__}: {reason[:300]}") from error
    from lens_core.classifier import Classifier

    if not isinstance(made, nn.Module | Classifier):
        raise LensError(
            f"--model {spec}: {name}() returned {type(made).__name__}; "
            "a torch.nn.Module or a Classifier is needed"
        )
    return made


def _described(module: nn.Module, spec: str) -> Source:
    """A factory's network, described by its own attributes `preprocessing`, `class_names`."""
    own = getattr(module, "preprocessing", None)
    if isinstance(own, Mapping):
        preprocessing = Preprocessing.from_mapping(own, f"--model {spec}")
    elif isinstance(own, Preprocessing):
        preprocessing = own
    elif hasattr(module, "pretrained_cfg"):
        preprocessing = pre.from_timm(module)
    else:
        preprocessing = Preprocessing()
    names = getattr(module, "class_names", ())
    class_names = tuple(str(n) for n in names) if isinstance(names, Sequence) else ()
    return Source(module, spec.rpartition(":")[2], preprocessing, class_names)


def _folder(path: Path, published: bool) -> Source:
    """A model folder as `lens model train` writes it."""
    from lens_core.training.leafnet import LeafNet

    card_path = path / "model.json"
    try:
        card = json.loads(card_path.read_text("utf-8"))
        architecture, settings = card["architecture"], dict(card["settings"])
        class_names = tuple(str(n) for n in card["class_names"])
        preprocessing = Preprocessing.from_mapping(card["preprocessing"], str(card_path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LensError(
            f"--model {path}: model.json is missing or damaged ({error}); "
            "`lens model train` writes such a folder"
        ) from error
    if architecture != "leafnet":
        raise LensError(f"--model {path}: unknown architecture {architecture!r}")
    try:
        module: nn.Module = LeafNet(len(class_names), **settings)
    except TypeError as error:
        raise LensError(f"--model {path}: settings in model.json do not fit: {error}") from error
    if published:
        load_by_name(module, read_tensors(path / "weights.safetensors"), f"--model {path}")
    return Source(module, str(card.get("name", architecture)), preprocessing, class_names)


def with_imagenet_names(source: Source, n_classes: int) -> Source:
    """Give 1,000-way networks without names those of ImageNet; others get numbers."""
    if source.class_names and len(source.class_names) != n_classes:
        raise LensError(
            f"--model {source.name}: {len(source.class_names)} class names for {n_classes} outputs"
        )
    if source.class_names:
        return source
    if n_classes == 1000:
        synonyms = imagenet_synonyms()
        return replace(source, class_names=tuple(s[0] for s in synonyms), synonyms=synonyms)
    return replace(source, class_names=tuple(f"class {i}" for i in range(n_classes)))


def _no_such_model(library: str, name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"; nearest: {', '.join(near)}" if near else ""
    return f"--model {library}:{name}: {library} has no such model{hint}"


def _no_download(spec: str, error: Exception) -> str:
    return (
        f"--model {spec}: the published weights could not be fetched ({type(error).__name__}); "
        "give them with --weights FILE, or --weights none for random ones"
    )
