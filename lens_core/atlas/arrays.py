"""One array out of a safetensors file, wherever it lies, without reading the others.

The format: eight bytes with the length of a JSON header, the header, then the numbers. The header
says of each array its type, its shape, and from where to where it lies.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import AtlasDamaged
from .store import Store

_FIRST_READ = 64 * 1024
"""Bytes read at first; the header of a class's arrays fits, so that it takes one request."""
_MAX_HEADER = 100 * 1024 * 1024
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?",
}  # fmt: skip


class ArrayFile:
    """The arrays in a safetensors file.

    Raises
    ------
    AtlasDamaged
        If the file is missing, or is none.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._file = name
        try:
            self._header, self._start = self._read_header()
        except FileNotFoundError:
            raise AtlasDamaged(f"{store}/{name} is missing: build the atlas again") from None
        except (ValueError, TypeError, KeyError) as error:
            raise self._damaged(str(error)) from error

    def _read_header(self) -> tuple[dict[str, Any], int]:
        first = self._store.read_part(self._file, 0, _FIRST_READ)
        length = int.from_bytes(first[:8], "little")
        if len(first) < 8 or length > _MAX_HEADER:
            raise ValueError("no header")
        if 8 + length > len(first):
            first += self._store.read_part(self._file, len(first), 8 + length)
        header = json.loads(first[8 : 8 + length])
        header.pop("__metadata__", None)
        return {str(name): dict(entry) for name, entry in header.items()}, 8 + length

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays' names, sorted."""
        return tuple(sorted(self._header))

    def read(self, name: str) -> NDArray[np.generic]:
        """One array; raises ``KeyError`` if there is none of that name."""
        entry = self._header[name]
        try:
            dtype = np.dtype(_DTYPES[entry["dtype"]])
            shape = tuple(int(n) for n in entry["shape"])
            begin, end = (int(place) for place in entry["data_offsets"])
            if begin == end:
                return np.zeros(shape, dtype)
            data = self._store.read_part(self._file, self._start + begin, self._start + end)
            array: NDArray[np.generic] = np.frombuffer(bytearray(data), dtype).reshape(shape)
        except (ValueError, TypeError, KeyError) as error:
            raise self._damaged(f"{name}: {error}") from error
        return array

    def _damaged(self, reason: str) -> AtlasDamaged:
        return AtlasDamaged(
            f"{self._store}/{self._file} cannot be read ({reason}): build the atlas again"
        )
