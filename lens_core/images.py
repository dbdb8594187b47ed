"""Photographs in folders, one folder a class, brought into the model's view.

The view is what the model sees: the central square after resizing. A picture of the same field of
view, at display size, is made from the same decoded photograph, so that nothing is decoded twice.
"""

from __future__ import annotations

import csv
import difflib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.device import available_cores
from lens_core.models.preprocessing import Preprocessing

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class ClassFolder:
    """A folder of photographs and the class of the model that it belongs to.

    `others` are folders of other classes where photographs taken for this class may be, too.
    """

    class_id: int
    name: str
    path: Path
    others: tuple[Path, ...] = ()

    def files(self) -> tuple[Path, ...]:
        """Its photographs, sorted by name.

        Raises
        ------
        LensError
            There are none.
        """
        found = _pictures(self.path)
        if not found:
            raise LensError(
                f"--images: the folder {self.path} of class {self.name!r} holds no pictures; "
                "add some, or leave the class out with --classes"
            )
        return tuple(found)

    def candidates(self) -> tuple[Path, ...]:
        """Its photographs, then those of the other folders; errors as in `files`."""
        return self.files() + tuple(file for other in self.others for file in _pictures(other))


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)


@dataclass(frozen=True)
class View:
    """One decoded photograph: `model` (3, px, px) uint8 as the network sees it, and `display`."""

    file: Path
    model: Tensor
    display: Image.Image


def find_classes(
    root: Path,
    class_names: Sequence[str],
    synonyms: Sequence[Sequence[str]] = (),
    labels: Path | None = None,
    classes: str = "all",
) -> tuple[ClassFolder, ...]:
    """Match the folders in `root` to the model's classes; sorted by class.

    A folder matches by any of the class's names, whatever the case, with `_` or `-` for a space,
    in singular or plural ("ants" is "ant"); `synonyms` holds further names of each. `labels` (CSV
    with the columns folder and class, an index or a name) says it outright; then folders that it
    does not name are left out.

    Raises
    ------
    LensError
        No folders, a folder that matches no class or several, two folders for one class, or a
        name in `classes` that is not there.
    """
    if not root.is_dir():
        raise LensError(f"--images {root}: there is no such folder")
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not folders:
        raise LensError(f"--images {root}: holds no folders; one folder a class is expected")
    index = _index(class_names, synonyms)
    told = None if labels is None else _read_labels(labels, class_names, index)
    if told is not None:
        absent = sorted(set(told) - {f.name for f in folders})
        if absent:
            raise LensError(f"--labels {labels}: {root} has no folder {absent[0]!r}")
        folders = [f for f in folders if f.name in told]
    if classes != "all":
        folders = _chosen(folders, classes, told, index)
    found: dict[int, ClassFolder] = {}
    for folder in folders:
        class_id = told[folder.name] if told else _match(folder.name, index)
        if class_id in found:
            raise LensError(
                f"--images {root}: {found[class_id].path.name} and {folder.name} are both class "
                f"{class_names[class_id]!r}; put them together or say which with --labels"
            )
        found[class_id] = ClassFolder(class_id, class_names[class_id], folder)
    return tuple(found[class_id] for class_id in sorted(found))


def read_view(path: Path, preprocessing: Preprocessing, display_px: int) -> View:
    """Decode a photograph once into the model's view and a picture of the same field of view.

    Raises
    ------
    LensError
        The file is no picture that can be read.
    """
    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except Exception as error:  # Pillow's plugins raise whatever a broken file leads them to
        reason = " ".join(str(error).split())
        raise LensError(
            f"{path}: cannot be read as a picture ({reason}); replace it, or add --skip-corrupt"
        ) from error
    width, height = picture.size
    scale = preprocessing.resize_px / min(width, height)
    resized = picture.resize(
        (
            max(preprocessing.resize_px, int(width * scale)),
            max(preprocessing.resize_px, int(height * scale)),
        ),
        _RESAMPLING[preprocessing.interpolation],
    )
    px = preprocessing.input_px
    left, top = round((resized.width - px) / 2), round((resized.height - px) / 2)
    pixels = np.asarray(resized.crop((left, top, left + px, top + px)))
    box = (
        left * width / resized.width,
        top * height / resized.height,
        (left + px) * width / resized.width,
        (top + px) * height / resized.height,
    )
    display = picture.resize((display_px, display_px), Image.Resampling.LANCZOS, box=box)
    return View(path, torch.from_numpy(pixels.transpose(2, 0, 1).copy()), display)


def read_views(
    files: Sequence[Path],
    preprocessing: Preprocessing,
    display_px: int,
    skip_corrupt: bool = False,
) -> Iterator[View | LensError]:
    """Views in the order of the files, decoded ahead in the background.

    With `skip_corrupt` the error stands in the place of a view, otherwise it is raised.
    """

    def read(path: Path) -> View | LensError:
        try:
            return read_view(path, preprocessing, display_px)
        except LensError as error:
            return error

    cores = available_cores()
    with ThreadPoolExecutor(cores) as pool:
        rest = iter(files)
        waiting = deque(pool.submit(read, path) for path in islice(rest, 4 * cores))
        while waiting:
            view = waiting.popleft().result()
            waiting.extend(pool.submit(read, path) for path in islice(rest, 1))
            if isinstance(view, LensError) and not skip_corrupt:
                pool.shutdown(cancel_futures=True)
                raise view
            yield view


def to_float(pixels: Tensor) -> Tensor:
    """uint8 pixels → float32 in [0, 1]."""
    return pixels.float() / 255.0


def to_picture(pixels: Tensor | NDArray[np.floating]) -> Image.Image:
    """Float (3 or 4, H, W) in [0, 1] → Pillow picture, RGB or RGBA."""
    array = np.asarray(pixels, dtype=np.float32)
    return Image.fromarray((array.clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0))


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())


def _singulars(name: str) -> list[str]:
    forms = []
    for ending, instead in (("ies", "y"), ("ves", "f"), ("es", ""), ("s", "")):
        if name.endswith(ending) and len(name) > len(ending) + 1:
            forms.append(name.removesuffix(ending) + instead)
    return forms


def _index(
    class_names: Sequence[str], synonyms: Sequence[Sequence[str]]
) -> dict[str, tuple[int, ...]]:
    """Plain name → classes. A class's own name goes before another's synonym."""
    first: dict[str, tuple[int, ...]] = {}
    other: dict[str, tuple[int, ...]] = {}
    for class_id, name in enumerate(class_names):
        key = _plain(name)
        first[key] = (*first.get(key, ()), class_id)
    for class_id, names in enumerate(synonyms):
        for key in {_plain(name) for name in names}:
            other[key] = (*other.get(key, ()), class_id)
    return {**other, **first}


def _match(folder: str, index: dict[str, tuple[int, ...]]) -> int:
    plain = _plain(folder)
    for form in (plain, *_singulars(plain)):
        found = index.get(form, ())
        if len(found) == 1:
            return found[0]
        if found:
            raise LensError(
                f"--images: folder {folder!r} could be class "
                f"{' or '.join(str(i) for i in found)}; say which with --labels FILE"
            )
    near = difflib.get_close_matches(plain, index, n=3, cutoff=0.5)
    hint = f"nearest: {', '.join(near)}; " if near else ""
    raise LensError(
        f"--images: folder {folder!r} matches no class of the model; {hint}"
        "rename it, or say its class with --labels FILE (CSV folder,class)"
    )


def _read_labels(
    path: Path, class_names: Sequence[str], index: dict[str, tuple[int, ...]]
) -> dict[str, int]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise LensError(f"--labels {path}: cannot be read ({type(error).__name__})") from error
    told: dict[str, int] = {}
    for number, row in enumerate(rows, start=2):
        folder, class_ = (row.get("folder") or "").strip(), (row.get("class") or "").strip()
        if not folder or not class_:
            raise LensError(
                f"--labels {path}, line {number}: a folder and a class are needed under the "
                "header folder,class"
            )
        if class_.isdigit():
            if int(class_) >= len(class_names):
                raise LensError(
                    f"--labels {path}, line {number}: the model has classes 0 to "
                    f"{len(class_names) - 1}, not {class_}"
                )
            told[folder] = int(class_)
        else:
            found = index.get(_plain(class_), ())
            if len(found) != 1:
                near = difflib.get_close_matches(_plain(class_), index, n=3, cutoff=0.5)
                raise LensError(
                    f"--labels {path}, line {number}: the model has "
                    f"{'several classes' if found else 'no class'} {class_!r}"
                    + (f"; nearest: {', '.join(near)}" if near else "")
                    + "; give its index"
                )
            told[folder] = found[0]
    if not told:
        raise LensError(f"--labels {path}: holds no rows under the header folder,class")
    return told


def _chosen(
    folders: list[Path],
    classes: str,
    told: dict[str, int] | None,
    index: dict[str, tuple[int, ...]],
) -> list[Path]:
    """The folders that --classes names, by folder name or class index."""
    by_name = {f.name: f for f in folders}
    chosen = []
    for wanted in (part.strip() for part in classes.split(",")):
        if wanted in by_name:
            chosen.append(by_name[wanted])
        elif wanted.isdigit():
            for folder in folders:
                try:
                    class_id = told[folder.name] if told else _match(folder.name, index)
                except LensError:
                    continue
                if class_id == int(wanted):
                    chosen.append(folder)
                    break
            else:
                raise LensError(f"--classes {wanted}: no folder holds that class")
        else:
            near = difflib.get_close_matches(wanted, by_name, n=3, cutoff=0.4)
            hint = f"; nearest: {', '.join(near)}" if near else ""
            raise LensError(f"--classes {wanted}: there is no such folder{hint}")
    return list(dict.fromkeys(chosen))
