"""The command `lens atlas visualizations`: how good an atlas's pictures are, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lens_core.atlas.progress import Terminal

if TYPE_CHECKING:
    from lens_core.atlas import Atlas
    from lens_core.classifier import Classifier
    from lens_core.metrics.distributions import Moments
    from lens_core.visualization.judging import Verdict
    from lens_core.visualization.sheet import Row

_DIR = click.Path(path_type=Path)
_METHODS = ("stored", "maco", "fourier", "pixels")


@click.command()
@click.argument("atlas", type=_DIR)
@click.option(
    "--model",
    "specs",
    multiple=True,
    required=True,
    metavar="SPEC",
    help="A model that judges; may repeat. One that took no part in the atlas judges best.",
)
@click.option(
    "--method",
    "methods",
    type=click.Choice(_METHODS),
    multiple=True,
    default=("stored",),
    show_default=True,
    help="Pictures to judge: the atlas's own, or made again; may repeat. To make pictures, name "
    "the atlas's own model with --model, too.",
)
@click.option("--dictionary", help="Which of the atlas's. Default: the first.")
@click.option("--classes", default="all", show_default=True, help="Names or indices: A,B,…")
@click.option(
    "--masks",
    type=_DIR,
    help="Masks of the photographs' parts, one PNG each under the photograph's name, whose bits "
    "say which parts a pixel is of.",
)
@click.option("--px", type=click.IntRange(32, 2048), help="Side of pictures made again.")
@click.option("--steps", type=click.IntRange(1), help="Of the optimisation of these.")
@click.option("--out", type=_DIR, help="Write the table as CSV, too.")
@click.option(
    "--sheet", type=_DIR, help="Write a contact sheet of the pictures beside crops, WebP or PNG."
)
@click.option("--force", is_flag=True, help="Replace what is at --out and --sheet.")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.pass_obj
def visualizations(
    terminal: Terminal,
    /,
    atlas: Path,
    specs: tuple[str, ...],
    methods: tuple[str, ...],
    dictionary: str | None,
    classes: str,
    masks: Path | None,
    px: int | None,
    steps: int | None,
    out: Path | None,
    sheet: Path | None,
    force: bool,
    device: str,
    seed: int,
) -> None:
    """Score feature visualizations before models that judge them; a row a class.

    A picture is compared with the crops of its concept in the judge's features: plausibility,
    kernel distance (KID), whether the class's picture transfers, whether pictures find their own
    concept's crops among those of all, and whether colours agree. FID is given over all classes,
    where there are more pictures than the judge has features.
    """
    from lens_core.atlas import Atlas, LensError
    from lens_core.classifier import load_classifier
    from lens_core.metrics.distributions import Moments
    from lens_core.visualization.exhibits import exhibit, looks
    from lens_core.visualization.judging import judge_class, look
    from lens_core.visualization.making import METHODS, make_again, spectrum_of
    from lens_core.visualization.sheet import Row

    for option, target in (("--out", out), ("--sheet", sheet)):
        if target is not None and target.exists() and not force:
            raise LensError(f"{option} {target} is there already: name another, or add --force")
    opened = Atlas.open(atlas)
    dictionary = opened.dictionary(dictionary or opened.dictionaries[0].id).id
    judges = [load_classifier(spec, device=device) for spec in specs]
    names = [_short(spec) for spec in specs]
    took_part = [judge.weights_sha256 == opened.manifest.model.weights_sha256 for judge in judges]
    again = [method for method in methods if method != "stored"]
    maker = _maker(judges, took_part, opened, dictionary) if again else None
    spectrum = None if maker is None else spectrum_of(opened, maker)
    verdicts: list[Verdict] = []
    rows: list[Row] = []
    features: dict[tuple[str, str], tuple[Moments, Moments]] = {}
    for entry in terminal.track(chosen_classes(opened, classes), "classes"):
        one = opened.load_class(entry.id)
        stored = looks(one, dictionary, opened) if "stored" in methods else None
        shown = exhibit(one, dictionary, stored)
        if shown is None:
            terminal.note(
                f"{entry.name}: fewer than two concepts with pictures and crops, left out"
            )
            continue
        crops: dict[int, Any] = {}
        for method in methods:
            pictures = shown
            for known in METHODS:
                if maker is not None and spectrum is not None and method == known:
                    pictures = make_again(
                        maker, one, shown, dictionary, known, spectrum, px, steps, seed,
                        terminal.track,
                    )  # fmt: skip
            if sheet is not None:
                rows.append(Row(method, pictures))
            for number, judge in enumerate(judges):
                seen = look(judge, pictures, crops.get(number))
                crops[number] = seen.crops
                both = features.setdefault((method, names[number]), (Moments(), Moments()))
                both[0].add(seen.pictures)
                both[1].add(seen.unit_crops)
                verdicts.append(
                    judge_class(
                        judge,
                        pictures,
                        seen,
                        method,
                        names[number],
                        took_part[number],
                        masks,
                        seed,
                    )
                )
    if not verdicts:
        raise LensError(
            f"{atlas}: no class has pictures to judge; build the atlas without "
            "--no-visualizations, or add --method maco"
        )
    click.echo(_print(verdicts, {key: _fid(*both) for key, both in features.items()}))
    if sheet is not None:
        _draw(rows, sheet)
    if out is not None:
        _write(verdicts, out)


def _short(spec: str) -> str:
    """A model's SPEC without the folders."""
    _, colon, name = spec.rpartition(":")
    return name if colon else Path(spec).name


def _maker(
    judges: list[Classifier], took_part: list[bool], atlas: Atlas, dictionary: str
) -> Classifier:
    """The atlas's own model, cut where its directions live."""
    from lens_core.atlas import LensError

    for judge, own in zip(judges, took_part, strict=True):
        if own:
            return judge.at(atlas.dictionary(dictionary).layer)
    raise LensError(
        f"--method makes pictures with the atlas's own model, {atlas.manifest.model.spec}, which "
        "none of the --model is: name it with another --model"
    )


def chosen_classes(atlas: Atlas, classes: str) -> list[Any]:
    """Entries of the classes named, by name, folder or index; all of them for ``all``."""
    from lens_core.atlas import LensError

    if classes == "all":
        return list(atlas.classes)
    chosen = []
    for wanted in (part.strip().casefold() for part in classes.split(",")):
        for entry in atlas.classes:
            names = {str(entry.id), entry.name.casefold(), entry.folder.casefold()}
            if wanted in names:
                chosen.append(entry)
                break
        else:
            known = ", ".join(entry.name for entry in atlas.classes[:8])
            raise LensError(f"--classes {wanted}: the atlas has no such class; it has {known}")
    return chosen


_COLUMNS = (
    ("class", lambda v: v.class_name),
    ("method", lambda v: v.method),
    ("judge", lambda v: v.judge + ("*" if v.took_part else "")),
    ("n", lambda v: str(v.n)),
    ("plausibility", lambda v: f"{v.plausibility:.3f}"),
    ("(real)", lambda v: f"{v.plausibility_real:.3f}"),
    ("KID", lambda v: f"{v.kid:.3g} [{v.kid_low:.3g}, {v.kid_high:.3g}]"),
    ("transfer", lambda v: "–" if v.transfer is None else f"{v.transfer_probability:.2f}"),
    ("top-1", lambda v: f"{v.top1:.2f}"),
    ("neighbours", lambda v: f"{v.neighbours:.2f}"),
    ("ΔE own/other", lambda v: f"{v.colour_difference:.0f}/{v.colour_difference_others:.0f}"),
    ("parts", lambda v: "–" if v.parts is None else f"{v.parts:.2f}"),
)  # fmt: skip


def _fid(pictures: Moments, crops: Moments) -> str:
    from lens_core.atlas import LensError

    try:
        return f"{pictures.frechet_distance(crops):.3g}"
    except LensError:
        return f"– ({pictures.n} pictures, {len(pictures.mean)} features)"


def _print(verdicts: list[Verdict], fids: dict[tuple[str, str], str]) -> str:
    """Aligned columns, with a mean over classes for each method and judge."""
    rows = [[name for name, _ in _COLUMNS]]
    rows += [[show(verdict) for _, show in _COLUMNS] for verdict in verdicts]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.append("")
    for method, judge in dict.fromkeys((v.method, v.judge) for v in verdicts):
        own = [v for v in verdicts if (v.method, v.judge) == (method, judge)]
        n = sum(v.n for v in own)
        top1 = sum(v.top1 * v.n for v in own) / n
        chance = sum(v.chance * v.n for v in own) / n
        told = [v.transfer for v in own if v.transfer is not None]
        transfer = "–" if not told else f"{sum(told):.0f} of {len(told)}"
        lines.append(
            f"{method} before {judge}: {top1:.0%} of {n} pictures find their own concept "
            f"(chance {chance:.0%}); class pictures recognised: {transfer}; "
            f"FID {fids[method, judge]}"
        )
    if any(v.took_part for v in verdicts):
        lines.append("* the pictures were made for this very model: no independent judge")
    return "\n".join(lines)


def _draw(rows: list[Row], out: Path) -> None:
    import io

    from lens_core.atlas.files import write_atomic
    from lens_core.visualization.sheet import contact_sheet

    data = io.BytesIO()
    kind = "PNG" if out.suffix.lower() == ".png" else "WEBP"
    contact_sheet(rows).save(data, kind, quality=82, method=6)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, data.getvalue())


def _write(verdicts: list[Verdict], out: Path) -> None:
    import csv
    import io

    from lens_core.atlas.files import write_atomic

    rows = [verdict.row() for verdict in verdicts]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, text.getvalue().encode())
