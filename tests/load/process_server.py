"""A study server in a process of its own, which can be killed without a chance to tidy up."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from experiments.study import Study
from tests.browser.live import LiveServer
from webapp.serving import free_port

STARTS_WITHIN_S = 240.0


class ProcessServer(LiveServer):
    """``lens serve`` with one worker. The database is read beside it, not through it."""

    def __init__(self, directory: Path, study: Study) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        super().__init__(directory, study)

    def start(self) -> None:
        self.port = self.port or free_port("127.0.0.1", 0)
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "webapp.cli", "serve", "--dir", str(self.config.directory)),
                *("--port", str(self.port), "--workers", "1", "--threads", "4"),
            ],
            env={name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=Path(__file__).parents[2],
        )
        self._wait_until_ready()

    def stop(self) -> None:
        """Kill master and worker at once; what they had not written is gone."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def limit_files(self, n_bytes: int) -> None:
        """From now on no file may be written beyond so many bytes; -1 lifts the limit.

        To SQLite a write that fails for the limit (EFBIG) looks like one that fails for want of
        room: the transaction cannot be written and is rolled back.
        """
        for pid in self._pids():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (n_bytes, resource.RLIM_INFINITY))

    def _pids(self) -> list[int]:
        assert self._process is not None
        master = self._process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        return [master, *(int(child) for child in children)]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=5):
                    return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
