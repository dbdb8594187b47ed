"""Pictures of a class in a temporary file, so that memory need not hold them all.

Every stage of a build looks at a class's photographs again, a batch at a time. Decoding is far more
expensive than reading raw pixels back, and raw pixels of a large class fill gigabytes: they wait on
disk. The file has no name, lies where `TMPDIR` says, and is gone with the last reader.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor


class Pixels:
    """Equal arrays of bytes, one after another in a file."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._size = int(np.prod(shape))
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (closed with this object)
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def append(self, one: NDArray[np.uint8]) -> None:
        """Write one at the end."""
        if one.shape != self.shape or one.dtype != np.uint8:
            raise ValueError(f"pictures here are bytes {self.shape}, not {one.dtype} {one.shape}")
        self._file.seek(0, os.SEEK_END)
        self._file.write(np.ascontiguousarray(one).data)
        self._n += 1

    def read(self, rows: Sequence[int]) -> NDArray[np.uint8]:
        """Some of them, (len(rows), *shape)."""
        out = np.empty((len(rows), self._size), np.uint8)
        for place, row in enumerate(rows):
            if not 0 <= row < self._n:
                raise IndexError(f"picture {row} of {self._n}")
            self._file.seek(row * self._size)
            if self._file.readinto(out[place].data) != self._size:
                raise OSError("the temporary file of pictures has been cut short")
        return out.reshape(len(rows), *self.shape)


class Pictures:
    """(n, 3, h, w) bytes on disk that are indexed like a tensor.

    A slice, a list of rows or a single row (with further indices, too) is read and gives a tensor;
    a mask (n,) gives the pictures where it is set, still on disk.
    """

    def __init__(self, pixels: Pixels, rows: range | list[int]) -> None:
        self._pixels = pixels
        self._rows = rows

    @classmethod
    def of(cls, stack: Tensor) -> Pictures:
        """Those of a tensor (n, 3, h, w) of bytes."""
        pixels = Pixels(tuple(stack.shape[1:]))
        for one in stack.numpy():
            pixels.append(one)
        return cls(pixels, range(len(pixels)))

    @property
    def shape(self) -> torch.Size:
        """(n, 3, h, w)."""
        return torch.Size((len(self._rows), *self._pixels.shape))

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: Tensor) -> Pictures: ...
    @overload
    def __getitem__(
        self, index: int | slice | Sequence[int] | tuple[int | slice, ...]
    ) -> Tensor: ...

    def __getitem__(
        self, index: Tensor | int | slice | Sequence[int] | tuple[int | slice, ...]
    ) -> Pictures | Tensor:
        """See the class."""
        if isinstance(index, Tensor):
            if index.dtype != torch.bool or index.shape != (len(self),):
                raise IndexError(f"a mask of {len(self)} is needed; rows go in a list")
            chosen = index.nonzero()[:, 0].tolist()
            return Pictures(self._pixels, [self._rows[i] for i in chosen])
        if isinstance(index, tuple):
            first, *rest = index
            if isinstance(first, int):
                return self[first][tuple(rest)]
            return self[first][(slice(None), *rest)]
        if isinstance(index, int):
            return self._read([self._rows[index]])[0]
        if isinstance(index, slice):
            return self._read(self._rows[index])
        return self._read([self._rows[i] for i in index])

    def _read(self, rows: Sequence[int]) -> Tensor:
        return torch.from_numpy(self._pixels.read(rows))


class Displays(Sequence[Image.Image]):
    """RGB pictures (px × px) on disk; each is read when it is asked for."""

    def __init__(self, px: int) -> None:
        self._pixels = Pixels((px, px, 3))

    def append(self, picture: Image.Image) -> None:
        """Add one."""
        self._pixels.append(np.asarray(picture))

    def __len__(self) -> int:
        return len(self._pixels)

    @overload
    def __getitem__(self, index: int) -> Image.Image: ...
    @overload
    def __getitem__(self, index: slice) -> list[Image.Image]: ...

    def __getitem__(self, index: int | slice) -> Image.Image | list[Image.Image]:
        """Read one, or some."""
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        return Image.fromarray(self._pixels.read([range(len(self))[index]])[0])
