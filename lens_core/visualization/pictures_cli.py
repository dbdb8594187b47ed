"""The command `lens atlas pictures`: pictures of an atlas's concepts that studies show."""

from __future__ import annotations

from pathlib import Path

import click

from lens_core.atlas.progress import Terminal

_DIR = click.Path(path_type=Path)


@click.command()
@click.argument("atlas", type=_DIR)
@click.option("--model", "spec", required=True, metavar="SPEC", help="The atlas's own model.")
@click.option("--out", required=True, type=_DIR, help="Folder to write, with pictures.csv.")
@click.option(
    "--method",
    "methods",
    type=click.Choice(("maco", "fourier", "pixels")),
    multiple=True,
    default=("maco",),
    show_default=True,
    help="Of visualizations; may repeat.",
)
@click.option(
    "--visualizations", "n", type=click.IntRange(0), default=9, show_default=True,
    help="Of each concept by each method, from different starts.",
)  # fmt: skip
@click.option(
    "--photographs", type=click.IntRange(0), default=10, show_default=True,
    help="Held-out ones of each concept, of which two versions with a square hidden are made.",
)  # fmt: skip
@click.option(
    "--hidden", type=click.FloatRange(0.05, 0.9), default=0.4, show_default=True,
    help="Side of the square, as a share of the photograph's.",
)  # fmt: skip
@click.option("--dictionary", help="Which of the atlas's. Default: the first of concepts.")
@click.option("--classes", default="all", show_default=True, help="Names or indices: A,B,…")
@click.option("--per-class", type=click.IntRange(1), help="The most important concepts of each.")
@click.option("--px", type=click.IntRange(32, 2048), help="Side of the visualizations.")
@click.option("--steps", type=click.IntRange(1), help="Of their optimisation.")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--force", is_flag=True, help="Replace what is in the folder.")
@click.pass_obj
def pictures(
    terminal: Terminal,
    /,
    atlas: Path,
    spec: str,
    out: Path,
    methods: tuple[str, ...],
    n: int,
    photographs: int,
    hidden: float,
    dictionary: str | None,
    classes: str,
    per_class: int | None,
    px: int | None,
    steps: int | None,
    device: str,
    seed: int,
    force: bool,
) -> None:
    """Make what studies show of concepts beyond what ATLAS holds.

    Several visualizations of each concept, and photographs with a square hidden where that leaves
    the concept most and least. 'lens study new … --explanations OUT' takes the folder.
    """
    from typing import cast

    from lens_core.atlas import Atlas, LensError
    from lens_core.atlas.folders import whole_folder
    from lens_core.classifier import load_classifier
    from lens_core.concept_search import explains
    from lens_core.visualization.cli import chosen_classes
    from lens_core.visualization.making import Method
    from lens_core.visualization.study_pictures import Wanted, write_pictures

    opened = Atlas.open(atlas)
    wanted = Wanted(
        methods=cast("tuple[Method, ...]", methods), n=n, px=px, steps=steps,
        photographs=photographs, hidden=hidden, per_class=per_class,
    )  # fmt: skip
    concepts = (d.id for d in opened.dictionaries if d.basis == "concepts" and d.scope == "class")
    name = dictionary or next(concepts, None)
    if name is None or opened.dictionary(name).scope != "class":
        raise LensError(
            f"{atlas}: pictures for studies are made of a dictionary of concepts that each class "
            "has of its own"
        )
    chosen = [entry.id for entry in chosen_classes(opened, classes)]
    model = load_classifier(spec, device=device)
    if not explains(opened, model):
        raise LensError(
            f"--model {spec} is not the atlas's own model, {opened.manifest.model.spec}: its "
            "weights differ"
        )
    info = opened.dictionary(name)
    with whole_folder(out, what="pictures", force=force) as folder:
        made = write_pictures(
            opened, model.at(info.layer), info, chosen, wanted, folder, seed, terminal.track
        )
    click.echo(f"{out}: {made} pictures of {name}")
