from __future__ import annotations

import ast
import os
from pathlib import Path

import pandas as pd
import pytest

from analysis.figures import Shown

PROGRAMMES = {
    "meta_predictor": (8, 2),
    "craft": (4, 2),
    "basis_layers": (5, 1),
    "visualizations": (6, 3),
    "drawings": (6, 3),
    "odd_one_out": (4, 1),
    "your_own_data": (5, 1),
}
"""Notebooks with how many tables and figures they show at least."""
NOTEBOOKS = Path(__file__).parents[2] / "analysis" / "notebooks"
ROOT = NOTEBOOKS.parents[1]


def run(notebook: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Execute a notebook in a kernel of its own; the kinds of output of its cells."""
    jupytext = pytest.importorskip("jupytext")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    monkeypatch.setenv("PYTHONPATH", path)
    content = jupytext.read(notebook)
    nbclient.NotebookClient(
        content, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    outputs = [output for cell in content.cells for output in cell.get("outputs", ())]
    return [kind for output in outputs for kind in output.get("data", {})]


def cells(notebook: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Execute a notebook here, which is quicker; what its cells show."""
    jupytext = pytest.importorskip("jupytext")
    monkeypatch.chdir(folder)
    names: dict[str, object] = {"__name__": "__main__"}
    shown = []
    for cell in jupytext.read(notebook).cells:
        if cell.cell_type != "code":
            continue
        tree = ast.parse(cell.source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, notebook.name, "exec"), names)
        if isinstance(last, ast.Expr):
            shown.append(eval(compile(ast.Expression(last.value), notebook.name, "eval"), names))
    return shown


@pytest.mark.parametrize("name", PROGRAMMES)
def test_programme(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LENS_DATASET", raising=False)
    shown = cells(NOTEBOOKS / f"{name}.py", tmp_path, monkeypatch)
    tables, figures = PROGRAMMES[name]
    assert sum(isinstance(one, pd.DataFrame) and len(one) > 0 for one in shown) >= tables
    pictures = [one for one in shown if isinstance(one, Shown)]
    assert len(pictures) == figures
    assert all(picture._repr_png_().startswith(b"\x89PNG") for picture in pictures)
    assert list(tmp_path.iterdir()) == []


def test_every_notebook_is_executed() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.py")} == {"two_afc", *PROGRAMMES}


@pytest.mark.slow
def test_two_afc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LENS_DATASET", raising=False)
    kinds = run(NOTEBOOKS / "two_afc.py", tmp_path, monkeypatch)
    assert kinds.count("text/html") >= 6
    assert kinds.count("image/png") == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_two_afc_on_an_export(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENS_DATASET", str(exported))
    assert "image/png" in run(NOTEBOOKS / "two_afc.py", tmp_path, monkeypatch)
