"""Whole folders or none: written beside their place, then moved there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import LensError
from .files import disk_errors


def require_free(out: Path, *, what: str, force: bool) -> None:
    """Refuse a target that holds something already.

    Raises
    ------
    LensError
        If it is a file, or a folder with something in it and ``force`` is not given.
    """
    if out.exists() and not out.is_dir():
        raise LensError(f"{out} is a file: give a folder for the {what}")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise LensError(
            f"{out} is not empty: choose another folder for the {what} or add --force to replace it"
        )


@contextmanager
def whole_folder(out: Path, *, what: str, force: bool) -> Iterator[Path]:
    """A folder to write into that takes the place of ``out`` when all went well."""
    require_free(out, what=what, force=force)
    out = out.absolute()
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    with disk_errors(out):
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            yield partial
            replace_folder(partial, out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def replace_folder(partial: Path, out: Path) -> None:
    """Put a finished folder in its place; what was there goes away last."""
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    if out.exists():
        out.replace(old)
    partial.replace(out)
    shutil.rmtree(old, ignore_errors=True)
