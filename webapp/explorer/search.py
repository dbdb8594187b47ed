"""Finding a class by name, synonym or number, typing errors included.

The browser ranks the same way while one types (``frontend/src/explorer/rank.ts``); this is the
answer for pages without JavaScript.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from lens_core.atlas import ClassEntry

NO_MATCH = 99


def normalise(text: str) -> str:
    """Lower case, without accents, underscores and hyphens as spaces."""
    flat = unicodedata.normalize("NFKD", text.replace("_", " ").replace("-", " ").casefold())
    return " ".join("".join(c for c in flat if not unicodedata.combining(c)).split())


def rank_text(query: str, text: str) -> int:
    """How badly `text` answers `query`: 0 is the same, :data:`NO_MATCH` has nothing to do with it.

    Both are normalised already.
    """
    if not query:
        return NO_MATCH
    if text == query:
        return 0
    if text.startswith(query):
        return 1
    if f" {query}" in text:
        return 2
    if query in text:
        return 3
    allowed = 0 if len(query) < 4 else 1 if len(query) < 7 else 2
    if allowed:
        for start in _word_starts(text):
            distance = min(
                edit_distance(query, text[start : start + len(query) + extra])
                for extra in (-1, 0, 1)
            )
            if distance <= allowed:
                return 3 + distance
    return NO_MATCH


def edit_distance(a: str, b: str) -> int:
    """Insertions, deletions, substitutions and swaps of neighbours between two words.

    Optimal string alignment distance; Damerau (1964), *Communications of the ACM* 7(3).
    """
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        previous, row, older = row, [i] + [0] * len(b), before
        for j, other in enumerate(b, start=1):
            row[j] = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                row[j] = min(row[j], older[j - 2] + 1)
        before = previous
    return row[-1]


def search_classes(classes: Sequence[ClassEntry], query: str) -> list[ClassEntry]:
    """The classes that answer a query, best first; all of them if the query is empty."""
    wanted = normalise(query)
    if not wanted:
        return list(classes)
    ranked: list[tuple[int, int, ClassEntry]] = []
    for place, entry in enumerate(classes):
        texts = [entry.name, *entry.synonyms]
        rank = min(2 * rank_text(wanted, normalise(text)) + (i > 0) for i, text in enumerate(texts))
        if wanted == str(entry.id):
            rank = -1
        if rank < 2 * NO_MATCH:
            ranked.append((rank, place, entry))
    return [entry for _, _, entry in sorted(ranked, key=lambda found: found[:2])]


def _word_starts(text: str) -> list[int]:
    return [0] + [i + 1 for i, letter in enumerate(text) if letter == " "]
