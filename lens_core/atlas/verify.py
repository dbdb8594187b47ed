"""Is every byte of an atlas what its manifest promises?"""

from __future__ import annotations

import json
from collections.abc import Mapping

from .errors import AtlasDamaged
from .files import sha256_bytes
from .progress import Track, no_track
from .reader import MANIFEST, Atlas
from .schema import ClassInfo, FileInfo
from .store import Store
from .writer import BUILD, manifest_hash


def verify_atlas(atlas: Atlas, track: Track = no_track) -> list[str]:
    """Findings, one line each; an empty list means that the atlas is whole.

    Checks the manifest against its hash, every class and table against its checksum, and that no
    file lies in the atlas that nobody listed.
    """
    findings: list[str] = []
    manifest = atlas.manifest
    store = atlas.store
    # The bytes as they lie and not the model, which may know more fields than when it was written.
    if manifest_hash(json.loads(store.read(MANIFEST))) != manifest.hash:
        findings.append(f"{MANIFEST}: its content does not match its hash")
    expected = {MANIFEST, BUILD}
    unjudged: set[str] = set()
    expected.update(manifest.files)
    findings += _check(store, manifest.files)
    for entry in track(manifest.classes, "verifying", len(manifest.classes)):
        relative = f"{entry.dir}/class.json"
        expected.add(relative)
        try:
            data = store.read(relative)
        except FileNotFoundError:
            findings.append(f"{relative}: missing")
            unjudged.add(entry.dir)
            continue
        if sha256_bytes(data) != entry.sha256:
            findings.append(f"{relative}: changed since it was written")
            unjudged.add(entry.dir)
            continue
        info = ClassInfo.model_validate_json(data)
        files = {f"{entry.dir}/{name}": file for name, file in info.files.items()}
        expected.update(files)
        findings += _check(store, files)
    for relative in store.files():
        if "/".join(relative.split("/")[:2]) in unjudged:
            continue  # which files belong to a class, only its class.json says
        if relative not in expected:
            findings.append(f"{relative}: not listed in the atlas")
    return findings


def _check(store: Store, files: Mapping[str, FileInfo]) -> list[str]:
    found = store.inspect(list(files))
    return [
        f"{name}: {'changed since it was written' if name in found else 'missing'}"
        for name, promised in files.items()
        if found.get(name) != promised
    ]


def require_whole(atlas: Atlas) -> None:
    """Raise :class:`AtlasDamaged` with the first finding, if there is one."""
    findings = verify_atlas(atlas)
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise AtlasDamaged(f"atlas {atlas.store} is damaged: {findings[0]}{more}; build it again")
