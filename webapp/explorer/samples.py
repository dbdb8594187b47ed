"""Images that stand for a class: of each reason that it is recognised for, the most usual one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lens_core.atlas import AtlasClass, ClassEntry, ConceptInfo, DictionaryInfo

from .book import AtlasBook, plain
from .concept_views import css_color
from .image_page import image_numbers
from .links import Links, image_path
from .pages import Picture, SampleView

N_SAMPLES = 5


def samples(
    book: AtlasBook,
    loaded: AtlasClass,
    entry: ClassEntry,
    dictionary: DictionaryInfo,
    top: NDArray[np.int64],
    links: Links,
) -> tuple[SampleView, ...]:
    """Up to `N_SAMPLES` images, the most frequent reason first; none without concept maps.

    Parameters
    ----------
    top : (n,) row of the concept that counts most in each image, −1 for one that is not shown.
    """
    if f"{dictionary.id}/maps" not in loaded.array_names():
        return ()
    shares = np.asarray(loaded.array(f"{dictionary.id}/contributions"), dtype=np.float64)
    by_row: dict[int, ConceptInfo] = {
        concept.index: concept for concept in book.info(entry.id).of_dictionary(dictionary.id)
    }
    pages = set(image_numbers(book, entry.id, static=links.is_static))
    pictures = loaded.images["picture"].tolist()
    views = []
    for number in usual(shares, top, N_SAMPLES):
        concept = by_row[int(top[number])]
        page = links.page(image_path(entry.id, dictionary.id, number))
        views.append(
            SampleView(
                number=number,
                picture=Picture(
                    links.file(f"{entry.dir}/{pictures[number]}"),
                    f"Image {number} of {plain(entry.name)}",
                ),
                link=page if number in pages else None,
                css=css_color(concept),
                row=concept.index,
                label=book.label(concept, entry.id),
                share=float(shares[number, concept.index]),
            )
        )
    return tuple(views)


def usual(shares: NDArray[np.float64], top: NDArray[np.int64], at_most: int) -> list[int]:
    """Images nearest to the mean of those that the same concept leads, the groups taking turns.

    Parameters
    ----------
    shares : (n, r) of the logit of each image.
    top : (n,) which concept leads; images with −1 stand for nothing that is shown.
    """
    rows, sizes = np.unique(top[top >= 0], return_counts=True)
    groups = []
    for row in rows[np.argsort(-sizes, kind="stable")].tolist():
        mine = np.flatnonzero(top == row)
        far = np.linalg.norm(shares[mine] - shares[mine].mean(axis=0), axis=1)
        groups.append(mine[np.argsort(far, kind="stable")].tolist())
    longest = max(map(len, groups), default=0)
    in_turn = [group[turn] for turn in range(longest) for group in groups if turn < len(group)]
    return in_turn[:at_most]
