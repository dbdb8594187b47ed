"""`lens model train`: a folder of images → a model folder."""

from __future__ import annotations

from pathlib import Path

import click

from lens_core.atlas.progress import Terminal


@click.command("train")
@click.option(
    "--images",
    required=True,
    type=click.Path(path_type=Path),
    help="One folder of images a class, or a folder with train/ and test/ of that form.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Model folder to write."
)
@click.option(
    "--test", "held_out", type=click.Path(path_type=Path), help="Held-out images, same form."
)
@click.option("--epochs", type=int, help="Passes over the images [default: 24].")
@click.option("--px", "input_px", type=int, help="Side of the network's input [default: 128].")
@click.option(
    "--seed", default=0, show_default=True, help="Same seed, images, machine: same model."
)
@click.option("--force", is_flag=True, help="Train again, and replace what is in --out.")
@click.pass_obj
def train(
    terminal: Terminal,
    images: Path,
    out: Path,
    held_out: Path | None,
    epochs: int | None,
    input_px: int | None,
    seed: int,
    force: bool,
) -> None:
    """Train a small residual network on images, on the CPU.

    Without --test (and without a test folder) a fifth of each class is held out. A model that is
    there already from the same images and settings is kept.
    """
    from lens_core.training.train import TrainSettings, train_folder

    settings = TrainSettings(
        epochs=TrainSettings.epochs if epochs is None else epochs,
        input_px=TrainSettings.input_px if input_px is None else input_px,
        seed=seed,
    )
    done = train_folder(images, out, settings, terminal.track, held_out=held_out, force=force)
    if done.reused:
        terminal.note(f"{out}: trained before from the same images and settings, kept")
    width = max(len(name) for name in done.class_names)
    for name, accuracy in zip(done.class_names, done.class_accuracy, strict=True):
        click.echo(f"{name:<{width}}  {accuracy:6.1%}")
    click.echo(f"{'held out':<{width}}  {done.accuracy:6.1%} of {done.n_held_out} images")
