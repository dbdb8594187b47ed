"""The command `lens worker`."""

from __future__ import annotations

from pathlib import Path

import click

from lens_core.atlas.progress import Terminal


@click.command()
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The server's folder, as given to 'lens serve'.",
)
@click.option(
    "--model",
    "spec",
    required=True,
    metavar="SPEC",
    help="The atlases' model: torchvision:NAME, timm:NAME, file.py:factory, or a model folder.",
)
@click.option("--weights", metavar="FILE", help="safetensors or state dict; 'none' for random.")
@click.option("--weights-by-order", is_flag=True, help="Load in order where all shapes agree.")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
)
@click.pass_obj
def worker(
    terminal: Terminal,
    directory: Path,
    spec: str,
    weights: str | None,
    weights_by_order: bool,
    device: str,
    precision: str,
) -> None:
    """Answer pictures that visitors of the explorer drop, until interrupted.

    The web server has no model. It puts such pictures into its folder; this command says which
    concepts they have, for every atlas there that is of the model.
    """
    import signal
    import threading

    from lens_core.atlas.errors import LensError
    from lens_core.classifier import load_classifier
    from lens_core.worker import CropWorker

    if not directory.is_dir():
        raise LensError(f"--dir {directory}: there is no such folder")
    classifier = load_classifier(
        spec, weights, weights_by_order, device=device, precision=precision
    )
    mine = CropWorker(directory, classifier, terminal.note)
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    terminal.note(f"{classifier.name} answers for {', '.join(mine.titles)} (stop: Ctrl-C)")
    mine.run(stopped)
