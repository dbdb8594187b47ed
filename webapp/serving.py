"""Running the application for real: gunicorn on unix, waitress elsewhere."""

from __future__ import annotations

import errno
import gc
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from lens_core.atlas import LensError

from .config import ServerConfig
from .database import CONNECTIONS_A_THREAD, Database

if TYPE_CHECKING:
    from flask import Flask

# What a worker may take to finish the requests it holds when the server is told to stop.
GRACE_S = 20
SPARE = 8


def free_port(host: str, port: int) -> int:
    """The port, if it can be had; 0 picks one.

    Raises
    ------
    LensError
        If something listens there, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise LensError(
                f"port {port} of {host} is in use: stop what runs there or give another --port"
            ) from error
        if error.errno == errno.EACCES:
            raise LensError(f"port {port} needs more rights: give a --port above 1023") from error
        raise LensError(f"cannot listen on {host}:{port}: {error.strerror}") from error


def too_few(database: Database, workers: int, threads: int) -> str | None:
    """What to say where the database grants fewer connections than the workers may ask for.

    ``SPARE`` are left for backups, exports and looking by hand.
    """
    room = database.room()
    wanted = workers * threads * CONNECTIONS_A_THREAD + SPARE
    if room is None or wanted <= room:
        return None
    most = max(1, (room - SPARE) // (threads * CONNECTIONS_A_THREAD))
    return (
        f"PostgreSQL grants {room} connections and {workers} workers of {threads} threads may "
        f"ask for {wanted}: people would be turned away under load. Set max_connections to "
        f"{wanted + 3} or more, or give --workers {most} or fewer --threads"
    )


def run(config: ServerConfig, host: str, port: int, *, workers: int, threads: int) -> None:
    """Serve until told to stop."""
    if sys.platform == "win32":
        from waitress import serve

        from .app import create_app

        serve(create_app(config), host=host, port=port, threads=threads)
        return
    _run_gunicorn(config, host, port, workers=workers, threads=threads)


def _spare_the_collector() -> None:
    """Leave out of garbage collection what lives as long as the process, and collect seldom.

    Hundreds of small requests a second would else have the collector go through all modules, routes
    and templates again and again, for cycles that requests hardly make.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _run_gunicorn(
    config: ServerConfig, host: str, port: int, *, workers: int, threads: int
) -> None:
    from gunicorn.app.base import BaseApplication

    settings = {
        "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "workers": workers,
        "threads": threads,
        "worker_class": "gthread",
        "graceful_timeout": GRACE_S,
        "keepalive": 15,
        "loglevel": "warning",
        "proc_name": "lens",
        # Headers of proxies are believed only as far as the configuration says.
        "forwarded_allow_ips": "",
    }

    class Application(BaseApplication):  # type: ignore[misc]
        """The settings above and nothing from files or the environment."""

        def load_config(self) -> None:
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            # In each worker after the fork, so that no connection is shared.
            from .app import create_app

            app = create_app(config)
            _spare_the_collector()
            return app

        def init(self, parser: Any, opts: Any, args: Any) -> None:
            return None

    Application().run()
