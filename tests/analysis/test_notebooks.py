from __future__ import annotations

import os
from pathlib import Path

import pytest

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
