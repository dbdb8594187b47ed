"""Fitted factorizations on disk: a folder with JSON (what) and safetensors (the numbers).

Nothing is pickled: loading runs no code from the files, and what they name is looked up here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.atlas.files import pretty_json, write_atomic
from lens_core.factorization.base import Factorization
from lens_core.factorization.registry import METHODS
from lens_core.factorization.units import Units

FORMAT = "lens factorization 1"
ABOUT = "factorization.json"
ARRAYS = "arrays.safetensors"
_OPTION = "option."
_STATE = "state."

_KNOWN: dict[str, Callable[..., Factorization]] = {
    **cast("dict[str, Callable[..., Factorization]]", METHODS),
    "units": Units,
}


def save(factorization: Factorization, folder: Path, force: bool = False) -> None:
    """Write a fitted factorization to a folder.

    Parameters
    ----------
    force
        Write into a folder that holds anything already, over what bears the same names.

    Raises
    ------
    LensError
        The folder is not empty, or the method is not one of this package's.
    """
    files = to_files(factorization)
    if folder.exists() and any(folder.iterdir()) and not force:
        raise LensError(f"{folder} is not empty: choose another folder, or force it")
    for name, data in files.items():
        write_atomic(folder / name, data)


def to_files(factorization: Factorization) -> dict[str, bytes]:
    """The files of a fitted factorization, by name, in the order in which to write them.

    The description is the last, so that a folder that has it is a complete one.

    Raises
    ------
    LensError
        The method is not one of this package's.
    """
    names = [name for name, made in _KNOWN.items() if made is type(factorization)]
    if not names:
        raise LensError(
            f"{type(factorization).__name__} cannot be saved: it is not a registered method; "
            "add it to lens_core.factorization.registry"
        )
    arrays = {_STATE + name: tensor for name, tensor in factorization.state.items()}
    plain: dict[str, object] = {}
    for name, value in factorization.options.items():
        if isinstance(value, Tensor):
            arrays[_OPTION + name] = value
        else:
            plain[name] = value
    about = {
        "format": FORMAT,
        "method": names[0],
        "options": plain,
        "n_iterations": factorization.n_iterations,
    }
    contiguous = {name: x.detach().cpu().contiguous().clone() for name, x in arrays.items()}
    return {ARRAYS: save_tensors(contiguous), ABOUT: pretty_json(about)}


def load(folder: Path, device: str = "cpu") -> Factorization:
    """Read what `save` wrote; codes and decodes as the one that was saved.

    Raises
    ------
    LensError
        Not such a folder, damaged, or by a version that knows other methods or options.
    """
    try:
        files = {name: (folder / name).read_bytes() for name in (ABOUT, ARRAYS)}
    except FileNotFoundError as error:
        raise LensError(
            f"{error.filename} is missing: point at a folder written by save()"
        ) from error
    return from_files(files, str(folder), device)


def from_files(files: Mapping[str, bytes], where: str, device: str = "cpu") -> Factorization:
    """What `to_files` wrote; `where` is how errors call the place.

    Raises
    ------
    LensError
        Damaged, or by a version that knows other methods or options.
    """
    try:
        about = json.loads(files[ABOUT])
        arrays = load_tensors(files[ARRAYS])
    except (ValueError, SafetensorError) as error:
        raise LensError(f"{where} is damaged ({error}): save it again") from error
    if not isinstance(about, dict):
        raise LensError(f"{where}/{ABOUT} is damaged (not an object): save it again")
    if about.get("format") != FORMAT:
        raise LensError(f"{where}/{ABOUT} is no factorization of this version: save it again")
    make = _KNOWN.get(str(about.get("method")))
    if make is None:
        known = ", ".join(sorted(_KNOWN))
        raise LensError(
            f"{where}/{ABOUT} names the method {about.get('method')!r}, known are {known}: "
            "update the package"
        )
    state = _with_prefix(arrays, _STATE, device)
    try:
        made = make(**about["options"], **_with_prefix(arrays, _OPTION, device))
        made.restore(state)
        made.n_iterations = about["n_iterations"]
    except (KeyError, TypeError, ValueError) as error:
        raise LensError(f"{where} does not fit its method: {error}; save it again") from error
    return made


def _with_prefix(arrays: dict[str, Tensor], prefix: str, device: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor.to(device)
        for name, tensor in arrays.items()
        if name.startswith(prefix)
    }
