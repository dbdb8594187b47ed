"""Files that leave the console: the data set, the frozen manifest, stimuli."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from flask import Blueprint, Response, abort, request

from experiments.dataset import dataset_columns
from experiments.dataset_description import codebook
from lens_core.atlas import LensError
from webapp.server import the_server, the_study
from webapp.services import studies
from webapp.services.audit import note
from webapp.services.bonuses import as_csv, bonuses
from webapp.services.errors import Missing
from webapp.services.exports import VARIANTS, export
from webapp.services.machines import MACHINE

from .access import needs, the_account

PIECE = 1 << 16


def register(console: Blueprint) -> None:
    """Add the downloads to the console."""
    console.add_url_rule("/studies/<name>/dataset.zip", view_func=dataset, methods=["POST"])
    console.add_url_rule("/studies/<name>/bonuses.csv", view_func=bonus_list)
    console.add_url_rule("/studies/<name>/frozen.json", view_func=frozen)
    console.add_url_rule("/studies/<name>/codebook.csv", view_func=data_dictionary)
    console.add_url_rule("/studies/<name>/stimuli/<stimulus>.webp", view_func=stimulus)


@needs("researcher")
def dataset(name: str) -> Response:
    """The data set as a zip file. It is written to disk first and never held in memory."""
    server = the_server()
    with server.database.read() as db:
        try:
            record = studies.by_name(db, name)
        except Missing:
            abort(404)
    study = server.studies.for_export(record)
    wanted = request.form.get("variant", "pseudonymous")
    variant = next((each for each in VARIANTS if each == wanted), None)
    if variant is None:
        abort(400)
    with server.database.write() as db:
        note(db, the_account().name, "download data", record.id, {"variant": variant})
    folder = Path(tempfile.mkdtemp(prefix="lens-export-"))
    try:
        export(server.database, record, study, folder / name, variant=variant)
        archive = folder / f"{name}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
            for path in sorted((folder / name).rglob("*")):
                packed.write(path, Path(name) / path.relative_to(folder / name))
        file = archive.open("rb")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    size = archive.stat().st_size
    # The open file outlives its name, so nothing is left behind if the download breaks off.
    shutil.rmtree(folder, ignore_errors=True)

    def pieces() -> Iterator[bytes]:
        with file:
            while piece := file.read(PIECE):
                yield piece

    reply = Response(pieces(), mimetype="application/zip")
    reply.content_length = size
    reply.headers["Content-Disposition"] = f'attachment; filename="{name}-{variant}.zip"'
    return reply


@needs("researcher")
def bonus_list(name: str) -> Response:
    """Who earned what, by the rule in the study file; for a person to look at and to pay."""
    record, study = the_study(name)
    rule = study.config.completion.bonus
    if rule is None:
        abort(404)
    with the_server().database.write() as db:
        note(db, the_account().name, "download bonuses", record.id)
        content = as_csv(bonuses(db, record, rule))
    reply = Response(content, mimetype="text/csv")
    reply.headers["Content-Disposition"] = f'attachment; filename="{name}-bonuses.csv"'
    return reply


@needs("viewer")
def frozen(name: str) -> Response:
    """What the study was frozen as; can be filed as a preregistration."""
    _, study = the_study(name)
    reply = Response((study.root / "frozen.json").read_bytes(), mimetype="application/json")
    reply.headers["Content-Disposition"] = f'attachment; filename="{name}-frozen.json"'
    return reply


@needs("viewer")
def data_dictionary(name: str) -> Response:
    """What every column of the study's data will hold, before there are any."""
    _, study = the_study(name)
    reply = Response(codebook(dataset_columns(study, MACHINE)), mimetype="text/csv")
    reply.headers["Content-Disposition"] = f'attachment; filename="{name}-codebook.csv"'
    return reply


@needs("viewer")
def stimulus(name: str, stimulus: str) -> Response:
    """A stimulus under its name in the study."""
    _, study = the_study(name)
    try:
        content = study.stimulus_path(stimulus).read_bytes()
    except LensError:
        abort(404)
    reply = Response(content, mimetype="image/webp")
    reply.headers["Cache-Control"] = "private, max-age=3600"
    return reply
