"""``lens study new``, ``check``, ``freeze`` and ``simulate``."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from lens_core.atlas.errors import LensError
from lens_core.atlas.progress import Terminal

STUDY = click.argument("study", type=click.Path(path_type=Path))


@click.command("new")
@click.argument("paradigm")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Study folder to write."
)
@click.option(
    "--atlas",
    "atlases",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Atlas to draw stimuli from; may repeat.",
)
@click.option(
    "--stimuli",
    type=click.Path(path_type=Path),
    help="Instead: a table of trials (CSV), or a folder with pictures and trials.csv.",
)
@click.option(
    "--explanations",
    type=click.Path(path_type=Path),
    help="Pictures by any method beside the atlas's own, of its concepts or photographs, or crops "
    "of other concepts: a table (CSV) with item or image, method, file; or a folder with a folder "
    "for each method.",
)
@click.option("--generator", help="Stimulus generator instead: leaves (for intruder).")
@click.option("--name", help="Name in addresses and data, [a-z0-9-]; default: the folder's.")
@click.option("--title", help="Title for people; default: the name.")
@click.option("--seed", default=0, show_default=True, help="Of everything that is drawn.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="FIELD=VALUE",
    help="A field of the design, e.g. --set n_trials=20; may repeat.",
)
@click.option("--class", "classes", multiple=True, type=int, help="Only this class; may repeat.")
@click.option(
    "--concept",
    "concepts",
    multiple=True,
    metavar="CLASS/CONCEPT",
    help="Only this concept, e.g. 310/concepts-4, recorded as picked by hand; may repeat.",
)
@click.option(
    "--per-class",
    type=click.IntRange(min=1),
    help="Of each class, draw so many concepts by seed, one from each stratum of importance.",
)
@click.option("--force", is_flag=True, help="Replace what is in the folder.")
@click.pass_obj
def new(
    terminal: Terminal,
    paradigm: str,
    out: Path,
    atlases: tuple[Path, ...],
    stimuli: Path | None,
    explanations: Path | None,
    generator: str | None,
    name: str | None,
    title: str | None,
    seed: int,
    settings: tuple[str, ...],
    classes: tuple[int, ...],
    concepts: tuple[str, ...],
    per_class: int | None,
    force: bool,
) -> None:
    """Make a study of PARADIGM (two_afc, intruder, binary_choice …) from an atlas or a table.

    Everything it holds can be changed in study.toml until it is frozen.
    """
    from experiments.paradigms import BuildRequest, get_paradigm
    from experiments.selection import Selection

    selection = Selection(classes, concepts, per_class)
    if selection and not atlases:
        raise LensError("--class, --concept and --per-class choose from an atlas: give --atlas")
    if generator is not None and (atlases or stimuli is not None):
        raise LensError("give one of --atlas, --stimuli and --generator")
    if seed < 0:
        raise LensError(f"--seed {seed}: must be 0 or more")
    name = name if name is not None else default_name(out)
    request = BuildRequest(
        out=out,
        name=name,
        title=title or name,
        atlases=atlases,
        table=stimuli,
        explanations=explanations,
        seed=seed,
        design=dict(parse_setting(setting) for setting in settings),
        force=force,
        selection=selection,
    )
    task = get_paradigm(paradigm)
    if generator is None:
        study = task.build(request, terminal.track)
    else:
        from experiments.generators.tables import generated_table

        with TemporaryDirectory(prefix="lens-stimuli-") as folder:
            table = generated_table(
                generator, paradigm, Path(folder), request.design, seed, terminal.track
            )
            study = task.build(replace(request, table=table), terminal.track)
    for note in study.config.source.notes:
        terminal.note(f"note: {note}")
    items = {row["item"] for row in study.templates}
    click.echo(
        f"{out}: {len(study.conditions)} conditions ({', '.join(study.conditions)}), "
        f"{len(items)} items, {len(study.templates)} trials in the pool, "
        f"{len(study.stimulus_ids)} stimuli"
    )


@click.command("check")
@STUDY
def check(study: Path) -> None:
    """Audit the design of STUDY; exit code 1 if it must not be run like this."""
    from experiments.audit import audit_study
    from experiments.study import Study

    opened = Study.open(study)
    findings = audit_study(opened)
    for finding in findings:
        click.echo(f"{finding.level}: {finding.check}: {finding.text}")
    errors = sum(finding.level == "error" for finding in findings)
    if errors:
        click.echo(f"{study}: {errors} errors: do not run this study")
        raise SystemExit(1)
    warnings = sum(finding.level == "warning" for finding in findings)
    state = "frozen" if opened.frozen else "not frozen yet"
    click.echo(f"{study}: sound, {warnings} warnings, {state}")


@click.command("freeze")
@STUDY
@click.option("--force", is_flag=True, help="Freeze although the audit found errors.")
@click.pass_obj
def freeze(terminal: Terminal, study: Path, force: bool) -> None:
    """Freeze STUDY: check it, then let no byte change any more."""
    from experiments.audit import audit_study
    from experiments.study import Study, freeze_study

    opened = Study.open(study)
    if not opened.frozen:
        errors = [finding for finding in audit_study(opened) if finding.level == "error"]
        for finding in errors:
            terminal.note(f"{finding.level}: {finding.check}: {finding.text}")
        if errors and not force:
            click.echo(f"{study}: not frozen, the audit found {len(errors)} errors")
            raise SystemExit(1)
    frozen = freeze_study(study)
    click.echo(f"{study}: frozen on {frozen.frozen_at}, {frozen.hash}")


@click.command("simulate")
@STUDY
@click.option("--participants", required=True, type=click.IntRange(min=1), help="How many people.")
@click.option("--observer", default="psychometric", show_default=True, help="Kind of participant.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Data set to write.")
@click.option("--seed", default=0, show_default=True, help="Of people, items and answers.")
@click.option(
    "--accuracy",
    default=0.72,
    show_default=True,
    help="Expected accuracy in the reference condition (psychometric).",
)
@click.option(
    "--effect",
    default=0.0,
    show_default=True,
    help="Planted log odds of the other conditions minus the reference's (psychometric).",
)
@click.option(
    "--server",
    help="Address of a running server that has STUDY published: simulated people then go through "
    "its real pages, marked as rehearsals that are never counted. --out is written from what they "
    "sent, scored by STUDY; 'lens study export --include-previews' reads the same from the server.",
)
@click.option(
    "--at-once",
    default=4,
    show_default=True,
    type=click.IntRange(1, 64),
    help="People at the server at the same time.",
)
@click.option("--force", is_flag=True, help="Replace what is in the folder.")
@click.pass_obj
def simulate(
    terminal: Terminal,
    study: Path,
    participants: int,
    observer: str,
    out: Path,
    seed: int,
    accuracy: float,
    effect: float,
    server: str | None,
    at_once: int,
    force: bool,
) -> None:
    """Send simulated people through STUDY's own schedules and scoring.

    Observers: psychometric (looks, and errs as people do), fatigued (does worse with every trial),
    guesser, straight_liner, impatient (skips the instructions, answers before looking) and quitter
    (leaves on the way). None of them knows the key.
    """
    from experiments.observers import Psychometric, get_observer
    from experiments.simulate import simulate as run
    from experiments.study import Study
    from experiments.truth import calibrated, has_right_answers, truth

    if server is not None and not server.startswith(("http://", "https://")):
        raise LensError(f"--server {server}: give an address such as http://127.0.0.1:8000")
    if seed < 0:
        raise LensError(f"--seed {seed}: must be 0 or more")
    opened = Study.open(study, require_frozen=server is not None)
    kind = get_observer(observer)
    if not opened.frozen:
        terminal.note(f"note: {study} is not frozen; its data belong to no fixed study")
    # Where no answer is right or wrong there is no accuracy to plant.
    if isinstance(kind, Psychometric) and has_right_answers(opened):
        kind = calibrated(opened, kind, accuracy, effect)
        planted = ", ".join(f"{k} {v:.3f}" for k, v in truth(opened, kind).accuracy.items())
        terminal.note(f"expected accuracy: {planted}")
    if server is None:
        run(opened, participants, kind, seed, out, terminal.track, force)
    else:
        from experiments.rehearsal.people import rehearse

        rehearse(
            opened,
            participants,
            kind,
            seed,
            out,
            server,
            at_once=at_once,
            track=terminal.track,
            force=force,
        )
    click.echo(f"{out}: {participants} simulated participants of {opened.name}")


def default_name(out: Path) -> str:
    """A study's name from its folder's."""
    name = re.sub(r"[^a-z0-9]+", "-", out.absolute().name.lower()).strip("-")[:64]
    return name or "study"


def parse_setting(text: str) -> tuple[str, Any]:
    """``FIELD=VALUE`` with a TOML value; what is no TOML is text.

    Raises
    ------
    LensError
        If there is no ``=``.
    """
    field, equals, value = text.partition("=")
    if not equals or not field.strip():
        raise LensError(f"--set {text}: write FIELD=VALUE, e.g. --set n_trials=20")
    try:
        return field.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return field.strip(), value
