"""The command ``lens``: put together from entry points, so that a command loads only its own
package. ``atlas.build`` in the group ``lens.commands`` is the command ``lens atlas build``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from importlib.metadata import EntryPoint, entry_points
from typing import NoReturn, TypeVar

import click

T = TypeVar("T")

GROUP = "lens.commands"
GROUP_HELP = {
    "atlas": "Build, look at, check and publish atlases.",
    "data": "Make the built-in image sets.",
    "model": "Train the small classifier of the demo.",
    "study": "Design, freeze, rehearse, publish and export studies.",
    "server": "Back a server up, restore it, and keep it in order.",
    "user": "Accounts of the researcher console.",
}


class Terminal:
    """Where commands say how far they are: stderr, as a bar on a terminal, else as plain lines."""

    SECONDS_BETWEEN_LINES = 5.0

    def note(self, text: str) -> None:
        """Print a line on stderr."""
        click.echo(text, err=True)

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
        """Yield the items and show how many are done."""
        if total is None and isinstance(items, Sized):
            total = len(items)
        if sys.stderr.isatty():
            from tqdm import tqdm

            yield from tqdm(items, desc=label, total=total, file=sys.stderr, leave=False)
            return
        yield from self._lines(items, label, total)

    def _lines(self, items: Iterable[T], label: str, total: int | None) -> Iterator[T]:
        said = time.monotonic()
        for done, item in enumerate(items, start=1):
            yield item
            if time.monotonic() - said >= self.SECONDS_BETWEEN_LINES:
                said = time.monotonic()
                self.note(f"{label}: {done}" + (f" of {total}" if total else ""))


class EntryPointGroup(click.Group):
    """A group whose commands are entry points, imported when they are called.

    Parameters
    ----------
    points : entry points by their dotted name below this group.
    """

    def __init__(self, name: str, points: dict[str, EntryPoint], help_text: str) -> None:
        super().__init__(name=name, help=help_text)
        self._points = points

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({name.partition(".")[0] for name in self._points})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        point = self._points.get(cmd_name)
        if point is not None:
            command = point.load()
            assert isinstance(command, click.Command), f"{point.value} is no command"
            return command
        below = {
            name.partition(".")[2]: value
            for name, value in self._points.items()
            if name.partition(".")[0] == cmd_name
        }
        if below:
            return EntryPointGroup(cmd_name, below, GROUP_HELP.get(cmd_name, ""))
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            names = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"no command {args[0]!r}; there are: {names}", ctx) from None


def root() -> click.Group:
    """The command ``lens`` with everything installed."""
    points = {point.name: point for point in entry_points(group=GROUP)}
    group = EntryPointGroup(
        "lens", points, "See what a vision model has learned, and measure whether people see it."
    )
    group.params.append(
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_version,
            help="Print the version and leave.",
        )
    )
    return group


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        click.echo(version("lens-lab"))
        ctx.exit()


def run(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 fine, 1 found wanting, 2 wrong input, 130
    interrupted. A user's mistake prints one line and no traceback."""
    try:
        result = root().main(
            args=arguments, prog_name="lens", standalone_mode=False, obj=Terminal()
        )
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.UsageError as error:
        hint = f" (see '{error.ctx.command_path} --help')" if error.ctx else ""
        click.echo(f"error: {error.format_message()}{hint}", err=True)
        return 2
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: what was finished is kept; run the same command again", err=True)
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:
        # Each package has its own error for mistakes; they share this attribute, not a class.
        exit_code = getattr(error, "exit_code", None)
        if not isinstance(exit_code, int):
            raise
        click.echo(f"error: {error}", err=True)
        return exit_code


def main() -> NoReturn:
    """Entry point of the console script."""
    sys.exit(run())


if __name__ == "__main__":
    main()
