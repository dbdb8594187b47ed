"""Who may know whom: what import-linter cannot see, namely what loading a package really loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

FORBIDDEN = {
    "lens_core": ("torch", "flask", "sqlalchemy", "pandas"),
    "lens_core.atlas": ("torch", "flask", "sqlalchemy"),
    "lens_core.cli": ("torch", "flask"),
    "lens_core.training.cli": ("torch", "flask"),
    "experiments": ("torch", "flask", "sqlalchemy", "pandas"),
    "experiments.records": ("torch", "numpy", "pandas", "pydantic", "lens_core"),
    "experiments.cli": ("torch", "flask", "sqlalchemy"),
    "experiments.schedule": ("torch", "flask", "sqlalchemy"),
    "experiments.generators.cli": ("torch", "flask"),
    "webapp": ("torch", "analysis"),
    "webapp.cli": ("torch", "flask", "analysis", "pandas"),
    "webapp.server_cli": ("torch", "analysis"),
    "analysis": ("torch", "flask", "lens_core"),
    "analysis.cli": ("torch", "flask", "sqlalchemy", "lens_core", "webapp"),
    "analysis.report": ("torch", "flask", "sqlalchemy", "lens_core", "webapp"),
}


@pytest.mark.parametrize("module", FORBIDDEN)
def test_module_loads_without_what_it_must_not_know(module: str) -> None:
    blocked = FORBIDDEN[module]
    code = (
        f"import sys\n"
        f"for name in {blocked!r}: sys.modules[name] = None\n"
        f"import {module}\n"
        f"print('fine')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "fine", done.stderr
