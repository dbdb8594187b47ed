"""The server starts where neither torch nor the analysis is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BLOCK = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
"""


def run(names: set[str], code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BLOCK.format(names=names) + code],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_application_needs_no_torch(tmp_path: Path) -> None:
    code = f"""
from webapp import create_app
from webapp.config import ServerConfig
app = create_app(ServerConfig(directory={str(tmp_path / "server")!r}))
print(app.test_client().get("/health").status_code)
"""
    absent = {"torch", "torchvision", "timm", "analysis", "statsmodels", "scipy"}
    assert run(absent, code).strip() == "200"


def test_importing_the_package_imports_neither_flask_nor_a_database() -> None:
    names = {"flask", "sqlalchemy", "torch", "pandas", "numpy"}
    assert run(names, "import webapp, webapp.server_cli; print('fine')").strip() == "fine"
