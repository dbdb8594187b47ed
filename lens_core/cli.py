"""The commands `lens atlas build`, `lens atlas show` and `lens atlas verify`."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lens_core.atlas.errors import LensError
from lens_core.atlas.progress import Terminal
from lens_core.building.settings import METHODS

if TYPE_CHECKING:
    from lens_core.executors import Executor, ModelSource

_DIR = click.Path(path_type=Path)


@click.command()
@click.option("--images", type=_DIR, required=True, help="Folder with one folder a class.")
@click.option(
    "--model",
    "spec",
    required=True,
    metavar="SPEC",
    help="torchvision:NAME, timm:NAME, file.py:factory, or a model folder.",
)
@click.option(
    "--out",
    required=True,
    metavar="PLACE",
    help="Folder of the atlas, or a URL that fsspec knows, e.g. s3://bucket/atlas.",
)
@click.option(
    "--layer",
    "layers",
    multiple=True,
    metavar="NAME",
    help="Where to cut the model; may repeat, the main one first. Default: last feature block.",
)
@click.option("--weights", metavar="FILE", help="safetensors or state dict; 'none' for random.")
@click.option("--weights-by-order", is_flag=True, help="Load in order where all shapes agree.")
@click.option("--classes", default="all", show_default=True, help="Indices or folders: A,B,…")
@click.option("--labels", type=_DIR, help="CSV folder,class that says what each folder is.")
@click.option(
    "--select",
    type=click.Choice(["predicted", "labelled", "anywhere"]),
    default="predicted",
    show_default=True,
    help="Images of a class: those of its folder that are predicted as it, all of its folder, or "
    "all that are predicted as it, whichever folder of the classes they are in (the model's "
    "mistakes, too; each class looks at all folders).",
)
@click.option("--concepts", type=click.IntRange(1, 65536), default=10, show_default=True)
@click.option("--method", type=click.Choice(METHODS), default="nmf", show_default=True)
@click.option(
    "--active",
    type=click.IntRange(1),
    help="Concepts that TopK autoencoders keep for each crop.  [default: 4]",
)
@click.option(
    "--basis",
    "bases",
    type=click.Choice(["concepts", "units"]),
    multiple=True,
    default=("concepts",),
    show_default=True,
    help="Directions of a dictionary, single units, or both (may repeat).",
)
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(["class", "shared"]),
    multiple=True,
    default=("class",),
    show_default=True,
    help="A dictionary of each class, one that all classes share, or both (may repeat).",
)
@click.option(
    "--class-concepts",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help="Concepts of a shared dictionary that a class shows.",
)
@click.option(
    "--shared-rows",
    type=click.IntRange(1),
    default=65536,
    show_default=True,
    help="Activations that a shared dictionary is fitted on; bounds memory.",
)
@click.option(
    "--shared-visualizations",
    type=click.IntRange(0),
    help="Visualizations of a shared dictionary. Default: of all concepts that occur.",
)
@click.option(
    "--divide",
    "divisions",
    multiple=True,
    metavar="LAYER[:N]",
    help="Divide each concept into N (3) at an earlier layer; may repeat, towards the input.",
)
@click.option(
    "--fit-on",
    type=click.Choice(["crops", "maps"]),
    default="crops",
    show_default=True,
    help="What dictionaries are fitted on: pooled crops, or single positions of maps.",
)
@click.option(
    "--held-out",
    type=click.FloatRange(0, 0.9),
    default=0.25,
    show_default=True,
    help="Share of images that dictionaries never see; studies draw stimuli from them.",
)
@click.option("--patch-px", type=click.IntRange(4), help="Side of crops. Default: 2/7 of the view.")
@click.option("--display-px", type=click.IntRange(32, 2048), default=256, show_default=True)
@click.option(
    "--attributions",
    default="",
    metavar="NAMES",
    help="Attribution methods whose maps to store: gradcam,rise,… or 'all'.",
)
@click.option(
    "--attributed-images",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Images of each class with attribution maps.",
)
@click.option("--no-measures", is_flag=True, help="Skip quality, fidelity, steering, ablation.")
@click.option("--no-visualizations", is_flag=True, help="Make no feature visualizations.")
@click.option("--visualize-units", is_flag=True, help="Make them for single units, too.")
@click.option(
    "--visualization-px", type=click.IntRange(32, 2048), help="Default: by the model's input."
)
@click.option(
    "--visualization-steps", type=click.IntRange(1), help="Default: by the model's input."
)
@click.option("--skip-corrupt", is_flag=True, help="Go on without pictures that cannot be read.")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--title", help="What the atlas is called.")
@click.option(
    "--contributor",
    "contributors",
    metavar="NAME",
    multiple=True,
    help="Who made it: named on its home page and in its citation. May repeat.",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Build class by class here, or many classes at once on a Ray cluster.",
)
@click.option("--workers", type=click.IntRange(1), help="With Ray. Default: one a GPU.")
@click.option(
    "--ray-address",
    metavar="ADDRESS",
    help="Of a running cluster. Default: RAY_ADDRESS, else this machine.",
)
@click.option("--resume/--no-resume", default=True, show_default=True, help="Keep classes done.")
@click.option("--force", is_flag=True, help="Replace whatever is in the folder.")
@click.pass_obj
def build(
    terminal: Terminal,
    /,
    images: Path,
    spec: str,
    out: str,
    layers: tuple[str, ...],
    weights: str | None,
    weights_by_order: bool,
    classes: str,
    labels: Path | None,
    device: str,
    precision: str,
    title: str | None,
    contributors: tuple[str, ...],
    resume: bool,
    force: bool,
    executor: str,
    workers: int | None,
    ray_address: str | None,
    no_measures: bool,
    no_visualizations: bool,
    divisions: tuple[str, ...],
    attributions: str,
    **chosen: Any,
) -> None:
    """Build an atlas from images and a classifier.

    The folders' names are matched to the model's classes (any case, _ for a space, plural for
    singular), or --labels says which is which. An interrupted build goes on when run again.
    """
    from lens_core.build import BuildSettings, build_atlas
    from lens_core.building.settings import Division
    from lens_core.executors import ModelSource

    if executor == "local" and (workers or ray_address):
        raise LensError("--workers and --ray-address are for --executor ray")
    methods = _methods(attributions)
    layer = layers[0] if layers else None
    source = ModelSource(spec, weights, weights_by_order, layer, device, precision)
    runs_in = _executor(executor, source, workers, ray_address)
    # Workers need not have what this machine has: with Ray it may be one without a GPU.
    here = source if executor == "local" or device == "cpu" else replace(source, device="auto")
    classifier = here.load()
    # The remaining options are fields of the settings, which refuse any other name.
    settings = BuildSettings(
        measures=not no_measures,
        visualizations=not no_visualizations,
        divisions=tuple(Division.parse(text) for text in divisions),
        attributions=methods,
        **chosen,
    )
    terminal.note(
        f"{classifier.name}: {len(classifier.class_names)} classes, layer {classifier.layer}, "
        f"{classifier.device.type}, {str(classifier.dtype).removeprefix('torch.')}"
    )
    with closing(runs_in):
        manifest = build_atlas(
            classifier,
            images,
            out,
            settings,
            layers=layers,
            labels=labels,
            classes=classes,
            title=title,
            contributors=contributors,
            resume=resume,
            force=force,
            executor=runs_in,
            track=terminal.track,
            note=terminal.note,
        )
    click.echo(f"{out}: {len(manifest.classes)} classes, {manifest.hash}")


def _methods(names: str) -> tuple[str, ...]:
    """Attribution methods that --attributions names, each once."""
    chosen = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if not chosen:
        return ()
    from lens_core.attribution import ATTRIBUTIONS, attribution

    if chosen == ("all",):
        return tuple(ATTRIBUTIONS)
    for name in chosen:
        attribution(name)  # refuses what is unknown before anything is loaded
    return chosen


def _executor(
    name: str, source: ModelSource, workers: int | None, ray_address: str | None
) -> Executor:
    if name == "local":
        from lens_core.executors import LocalExecutor

        return LocalExecutor()
    from lens_core.executors.ray import RayExecutor

    return RayExecutor(source, workers, address=ray_address)


@click.command()
@click.argument("atlas")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
@click.option("--class", "class_name", metavar="NAME", help="One class, by name or index.")
def show(atlas: str, as_json: bool, class_name: str | None) -> None:
    """Print what an atlas holds, in a folder or at a URL."""
    from lens_core.atlas import Atlas
    from lens_core.atlas.describe import describe_atlas, describe_class, find_class

    opened = Atlas.open(atlas)
    entries = [find_class(opened, class_name)] if class_name else list(opened.classes)
    if as_json:
        content = opened.manifest.model_dump(mode="json")
        content["classes"] = [entry.model_dump(mode="json") for entry in entries]
        content["shared"] = [
            {"dictionary": info.dictionary, "dead": info.dead, "n_crops": info.n_crops}
            | {"firing_rates": {concept.id: concept.firing_rate for concept in info.concepts}}
            for info in (
                opened.shared(d.id).info for d in opened.dictionaries if d.scope != "class"
            )
        ]
        click.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    for line in describe_atlas(opened):
        click.echo(line)
    for entry in entries:
        click.echo(f"{entry.name} ({entry.id}): {entry.n_images} images")
        if class_name:
            for line in describe_class(opened, entry.id):
                click.echo(line)


@click.command()
@click.argument("atlas")
@click.pass_obj
def verify(terminal: Terminal, atlas: str) -> None:
    """Check every byte of an atlas against its manifest; leaves with 1 if something is wrong."""
    from lens_core.atlas import Atlas, verify_atlas

    findings = verify_atlas(Atlas.open(atlas), terminal.track)
    for finding in findings:
        click.echo(finding)
    if findings:
        raise SystemExit(1)
    click.echo(f"{atlas}: whole")
