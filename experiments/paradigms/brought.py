"""Pictures that an atlas does not hold: of its concepts and photographs, by any method.

``lens study new … --atlas ATLAS --explanations PICTURES`` takes a table or a folder. Columns of the
table: ``method``, ``file`` (relative to it), and ``item`` (a concept as ``CLASS/CONCEPT``, such as
``00310/concepts-4``), ``image`` (a photograph under the name that the atlas has for it), or both.
With both and a ``value``, what the model says of it, a picture is a version of the photograph with
a part hidden; without a value it shows the item and was cut from that photograph.

A folder has such a table, ``pictures.csv``, as ``lens atlas pictures`` writes it; or else a folder
for each method, with pictures called as the photographs (``METHOD/bees/17.png``) or as the
concepts (``METHOD/00310/concepts-4.png``, or several in ``METHOD/00310/concepts-4/``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from experiments.paradigms.base import BuildRequest
from experiments.paradigms.tables import number_in, read_table, square
from experiments.stimuli import Cut
from lens_core.atlas import LensError
from lens_core.atlas.files import sha256_file

TABLE = "pictures.csv"
HIDDEN = "hidden"
"""Method of photographs with a part hidden, as ``lens atlas pictures`` calls it."""
ENDINGS = (".png", ".webp", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Version:
    """A photograph with a part hidden, and what the model says of it."""

    cut: Cut
    value: float


@dataclass(frozen=True)
class Brought:
    """The pictures, by what they are of.

    Attributes
    ----------
    looks : concept to method to its pictures.
    maps : method to photograph (without the ending of its name) to picture.
    hidden : concept to photograph to its versions, the one that the model favours first.
    sha256 : over the table, or the names and bytes of a folder of pictures; empty if none came.
    cut_from : picture of an item to the photograph that it was cut from; where that is not known,
        to itself, as the table or the folder calls it.
    """

    looks: Mapping[str, Mapping[str, tuple[Cut, ...]]]
    maps: Mapping[str, Mapping[str, Cut]]
    hidden: Mapping[str, Mapping[str, tuple[Version, Version]]]
    sha256: str = ""
    cut_from: Mapping[Path, str] = field(default_factory=dict)

    def map_of(self, method: str, image: str) -> Cut | None:
        """The method's picture of a photograph."""
        return self.maps.get(method, {}).get(_stem(image))


NOTHING = Brought({}, {}, {})


def brought_in(request: BuildRequest) -> Brought:
    """What the request brings besides its atlases.

    Raises
    ------
    LensError
        If a table lacks a column, or a picture is not there.
    """
    place = request.explanations
    if place is None:
        return NOTHING
    if place.is_dir() and not (place / TABLE).is_file():
        return _from_folder(place)
    return _from_table(place / TABLE if place.is_dir() else place)


def _from_table(table: Path) -> Brought:
    rows = read_table(
        table, ("method", "file"), ("item", "image", "value", "condition", "use"), ("test",)
    )
    looks: dict[str, dict[str, tuple[Cut, ...]]] = {}
    maps: dict[str, dict[str, Cut]] = {}
    versions: dict[str, dict[str, list[Version]]] = {}
    cut_from: dict[Path, str] = {}
    for row in rows:
        item, image = row.get("item", "").strip(), row.get("image", "").strip()
        method, cut = row["method"].strip(), square(table.parent / row["file"].strip())
        if not item and not image:
            raise LensError(f"{table}: {row['file']} is of no item and of no image")
        if item and image and row.get("value", "").strip():
            value = number_in({"item": item, **row}, "value", float("nan"))
            versions.setdefault(item, {}).setdefault(image, []).append(Version(cut, value))
        elif item:
            of_item = looks.setdefault(item, {})
            of_item[method] = (*of_item.get(method, ()), cut)
            cut_from[cut.file] = image or row["file"].strip()
        else:
            maps.setdefault(method, {})[_stem(image)] = cut
    hidden = {
        item: {image: _pair(table, item, image, two) for image, two in of_item.items()}
        for item, of_item in versions.items()
    }
    return Brought(looks, maps, hidden, sha256_file(table), cut_from)


def _pair(table: Path, item: str, image: str, versions: list[Version]) -> tuple[Version, Version]:
    if len(versions) != 2 or versions[0].value == versions[1].value or _unknown(versions):
        raise LensError(
            f"{table}: {image} needs two versions for {item}, with different values of the model"
        )
    first, second = sorted(versions, key=lambda version: -version.value)
    return first, second


def _unknown(versions: list[Version]) -> bool:
    return any(version.value != version.value for version in versions)


def _from_folder(folder: Path) -> Brought:
    looks: dict[str, dict[str, tuple[Cut, ...]]] = {}
    maps: dict[str, dict[str, Cut]] = {}
    cut_from: dict[Path, str] = {}
    digest = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS):
        method, *parts = file.relative_to(folder).with_suffix("").parts
        if not parts:
            continue
        name, cut = "/".join(parts), square(file)
        digest.update(f"{method}/{name} {sha256_file(file)}\n".encode())
        maps.setdefault(method, {})[name] = cut
        cut_from[file] = file.relative_to(folder).as_posix()
        for item in {name, "/".join(parts[:-1])} - {""}:
            of_item = looks.setdefault(item, {})
            of_item[method] = (*of_item.get(method, ()), cut)
    if not maps:
        raise LensError(
            f"{folder} has neither {TABLE} nor folders of pictures, one for each method"
        )
    return Brought(looks, maps, {}, digest.hexdigest(), cut_from)


def _stem(image: str) -> str:
    """A photograph's name without its ending, which another format changes."""
    return str(PurePosixPath(image).with_suffix(""))
