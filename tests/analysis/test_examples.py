from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import analysis

MODULES = [
    module.name
    for module in pkgutil.walk_packages(analysis.__path__, "analysis.")
    if not module.ispkg and ".notebooks" not in module.name
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_examples_exist() -> None:
    finder = doctest.DocTestFinder()
    counts = [
        sum(bool(test.examples) for test in finder.find(importlib.import_module(name)))
        for name in MODULES
    ]
    assert sum(counts) >= 12
