"""Is every byte of an atlas what its manifest promises?"""

from __future__ import annotations

import json
from pathlib import Path

from .errors import AtlasDamaged
from .files import sha256_bytes, sha256_file
from .progress import Track, no_track
from .reader import MANIFEST, Atlas
from .schema import ClassInfo, FileInfo
from .writer import BUILD, manifest_hash


def verify_atlas(atlas: Atlas, track: Track = no_track) -> list[str]:
    """Findings, one line each; an empty list means that the atlas is whole.

    Checks the manifest against its hash, every class and table against its checksum, and that no
    file lies in the atlas that nobody listed.
    """
    findings: list[str] = []
    manifest = atlas.manifest
    # The bytes on disk and not the model, which may know more fields than when it was written.
    if manifest_hash(json.loads((atlas.root / MANIFEST).read_bytes())) != manifest.hash:
        findings.append(f"{MANIFEST}: its content does not match its hash")
    expected = {MANIFEST, BUILD}
    unjudged: set[str] = set()
    for relative, file in manifest.files.items():
        expected.add(relative)
        findings += _check(atlas.root, relative, file)
    for entry in track(manifest.classes, "verifying", len(manifest.classes)):
        relative = f"{entry.dir}/class.json"
        expected.add(relative)
        path = atlas.root / relative
        if not path.is_file():
            findings.append(f"{relative}: missing")
            unjudged.add(entry.dir)
            continue
        data = path.read_bytes()
        if sha256_bytes(data) != entry.sha256:
            findings.append(f"{relative}: changed since it was written")
            unjudged.add(entry.dir)
            continue
        info = ClassInfo.model_validate_json(data)
        for name, file in info.files.items():
            expected.add(f"{entry.dir}/{name}")
            findings += _check(atlas.root, f"{entry.dir}/{name}", file)
    for path in sorted(atlas.root.rglob("*")):
        relative = path.relative_to(atlas.root).as_posix()
        if "/".join(relative.split("/")[:2]) in unjudged:
            continue  # which files belong to a class, only its class.json says
        if path.is_file() and relative not in expected:
            findings.append(f"{relative}: not listed in the atlas")
    return findings


def _check(root: Path, relative: str, file: FileInfo) -> list[str]:
    path = root / relative
    if not path.is_file():
        return [f"{relative}: missing"]
    if path.stat().st_size != file.size or sha256_file(path) != file.sha256:
        return [f"{relative}: changed since it was written"]
    return []


def require_whole(atlas: Atlas) -> None:
    """Raise :class:`AtlasDamaged` with the first finding, if there is one."""
    findings = verify_atlas(atlas)
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise AtlasDamaged(f"atlas {atlas.root} is damaged: {findings[0]}{more}; build it again")
