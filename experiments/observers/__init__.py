"""Simulated participants. They see what the pictures carry, and never the key.

A new kind is a class with a name and ``recruit``, and one line in :data:`OBSERVERS`.
"""

from __future__ import annotations

from collections.abc import Callable

from experiments.observers.base import Answer, Departure, Observer, Person, Timing
from experiments.observers.careless import Guesser, Impatient, StraightLiner
from experiments.observers.psychometric import Fatigued, Psychometric, Quitter
from lens_core.atlas import LensError

__all__ = [
    "OBSERVERS",
    "Answer",
    "Departure",
    "Fatigued",
    "Guesser",
    "Impatient",
    "Observer",
    "Person",
    "Psychometric",
    "Quitter",
    "StraightLiner",
    "Timing",
    "get_observer",
]

OBSERVERS: dict[str, Callable[[], Observer]] = {
    Psychometric.name: Psychometric,
    Guesser.name: Guesser,
    StraightLiner.name: StraightLiner,
    Fatigued.name: Fatigued,
    Quitter.name: Quitter,
    Impatient.name: Impatient,
}


def get_observer(name: str) -> Observer:
    """The observer of that name with its default parameters.

    Raises
    ------
    LensError
        If there is none.
    """
    try:
        return OBSERVERS[name]()
    except KeyError:
        raise LensError(f"no observer {name!r}; there are {', '.join(OBSERVERS)}") from None
