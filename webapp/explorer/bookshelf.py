"""The atlases that a server shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lens_core.atlas import Atlas, LensError

from .book import AtlasBook
from .sidecars import SidecarFolder, misfits

_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")


class Library:
    """Atlases by their name in addresses.

    Parameters
    ----------
    atlases : folders or URLs, an atlas each.
    shelf : a folder whose subfolders (or links) are atlases. It is looked at again when asked, so
        that an atlas put there later, or built anew, shows without a restart.
    sidecars : a folder of what people made of concepts, looked at again likewise.

    Raises
    ------
    LensError
        If one of `atlases` is none. What lies on the shelf unfinished is left out instead.
    """

    def __init__(
        self,
        atlases: Sequence[str | Path] = (),
        shelf: str | Path | None = None,
        sidecars: str | Path | None = None,
    ) -> None:
        self._fixed: dict[str, AtlasBook] = {}
        self._sidecars = SidecarFolder(Path(sidecars) if sidecars is not None else None)
        self._read: object = ()
        for path in atlases:
            atlas = Atlas.open(path)
            slug = _free_slug(_last_name(path), self._fixed)
            self._fixed[slug] = AtlasBook(atlas, slug)
        self._shelf = Path(shelf) if shelf is not None else None
        self._seen: dict[Path, tuple[int, AtlasBook]] = {}

    def books(self) -> dict[str, AtlasBook]:
        """All atlases, in order of their names."""
        stamp = self._sidecars.refresh()
        if stamp != self._read:
            self._read = stamp
            self._seen.clear()
            self._fixed = {
                slug: AtlasBook(book.atlas, slug, self._sidecars.people(book.atlas.hash))
                for slug, book in self._fixed.items()
            }
        found = dict(self._fixed)
        if self._shelf is not None and self._shelf.is_dir():
            for folder in sorted(self._shelf.iterdir()):
                book = self._open(folder, found)
                if book is not None:
                    found[book.slug] = book
        return found

    def book(self, slug: str) -> AtlasBook | None:
        """The atlas of that name."""
        return self.books().get(slug)

    def ignored(self) -> list[str]:
        """A line for each sidecar that no atlas here fits, or that cannot be read.

        And one if the shelf is an atlas itself, as a copy to a folder that was not there makes it.
        """
        hashes = [book.atlas.hash for book in self.books().values()]
        lines = [*self._sidecars.problems, *misfits(self._sidecars.found, hashes)]
        if self._shelf is not None and (self._shelf / "atlas.json").is_file():
            lines.append(
                f"{self._shelf} is an atlas itself, so it is not shown: move what it holds into a "
                f"folder of its own in there, such as {self._shelf / 'leaves'}"
            )
        return lines

    def _open(self, folder: Path, taken: dict[str, AtlasBook]) -> AtlasBook | None:
        try:
            changed = (folder / "atlas.json").stat().st_mtime_ns
        except OSError:
            return None
        known = self._seen.get(folder)
        if known is not None and known[0] == changed:
            return known[1]
        try:
            atlas = Atlas.open(folder)
            slug = _free_slug(folder.name, taken)
            book = AtlasBook(atlas, slug, self._sidecars.people(atlas.hash))
        except LensError:
            return None
        self._seen[folder] = (changed, book)
        return book


def _last_name(place: str | Path) -> str:
    if "://" in str(place):
        return str(place).rstrip("/").rpartition("/")[2]
    return Path(place).resolve().name


def _free_slug(name: str, taken: dict[str, AtlasBook]) -> str:
    slug = _NOT_IN_SLUG.sub("-", name.lower()).strip("-") or "atlas"
    number = 2
    candidate = slug
    while candidate in taken:
        candidate = f"{slug}-{number}"
        number += 1
    return candidate
