"""Classes on a Ray cluster: a class a task, on workers that keep the model loaded.

A worker that dies (killed, out of memory, its machine gone) costs the class that it was at, which
another worker takes up, a bounded number of times. Classes that are finished stay finished.
"""

from __future__ import annotations

import logging
import os
from collections import Counter, deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lens_core.atlas import AtlasWriter, LensError, Track
from lens_core.building.one_class import Plan
from lens_core.classifier import Classifier
from lens_core.executors.base import Done, Note, Place
from lens_core.executors.job import Job, ModelSource
from lens_core.executors.ray_worker import Built, Loaded, Worker
from lens_core.executors.sizing import Machine, Workers, size_workers
from lens_core.images import ClassFolder

MAX_DEATHS = 3
"""Workers that may die at one class before it is given up."""
_PATIENCE_S = 60.0
_FAREWELL_S = 10.0


class RayExecutor:
    """Builds classes on a Ray cluster, or on a Ray of its own where there is none.

    Parameters
    ----------
    source
        What every worker loads its model from; files in it must be on all machines.
    workers
        How many; None: see `lens_core.executors.sizing.size_workers`.
    cpus
        Cores of a worker, for decoding and, without a GPU, for computing; None: likewise.
    address
        Of a running cluster, e.g. ``ray://head:10001`` or ``auto``; None: what ``RAY_ADDRESS``
        says, else a cluster that runs on this machine, else a new one of this machine alone.

    Raises
    ------
    LensError
        Ray is not installed.
    """

    def __init__(
        self,
        source: ModelSource,
        workers: int | None = None,
        cpus: int | None = None,
        address: str | None = None,
    ) -> None:
        try:
            import ray
        except ImportError as error:
            raise LensError(
                "--executor ray: Ray is not installed; run pip install 'lens-lab[ray]'"
            ) from error
        self._ray: Any = ray
        self._source = source.anywhere()
        self._wanted = workers
        self._cpus = cpus
        self._address = address
        self._ours = False
        self._workers = Workers(0, 1, 0)
        self._actors: list[Any] = []
        self._sha256: str | None = None
        self._place: Place | None = None

    def place(self, classifier: Classifier, note: Note) -> Place:
        """See :class:`~lens_core.executors.base.Executor`; starts the first worker.

        Raises
        ------
        LensError
            There is no cluster, it has not what was asked for, or the worker has another model.
        """
        self._connect()
        self._workers = size_workers(
            self._machines(), self._source.device, self._wanted, self._cpus
        )
        if self._source.device.startswith("cuda:"):  # which one is Ray's to say
            self._source = replace(self._source, device="cuda")
        self._sha256 = classifier.weights_sha256
        actor = self._start()
        reference = actor.load.remote(self._source)
        self._wait([reference], note)
        try:
            loaded = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError:
            raise
        except self._ray.exceptions.RayError as death:
            raise LensError(f"--executor ray: a worker cannot start: {_reason(death)}") from death
        self._check(loaded)
        assert loaded.place is not None
        note(f"ray: workers {self._workers}, {loaded.place.device}, {loaded.place.precision}")
        return loaded.place  # type: ignore[no-any-return]

    def run(
        self,
        plan: Plan,
        writer: AtlasWriter,
        folders: Sequence[ClassFolder],
        track: Track,
        note: Note,
    ) -> Generator[Done, None, None]:
        """See :class:`~lens_core.executors.base.Executor`."""
        job = self._ray.put(Job.of(plan, writer))
        crew = _Crew(self, job, plan.root, folders, note)
        try:
            yield from crew.work()
        finally:
            self._dismiss(crew.running)
            writer.discard_unfinished()

    def close(self) -> None:
        """End the workers, and Ray if it was started here."""
        self._dismiss(())
        if self._ours:
            self._ray.shutdown()
            self._ours = False

    # ------------------------------------------------------------ the cluster

    def _connect(self) -> None:
        if self._ray.is_initialized():
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # tells nobody of this machine
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            self._ray.init(
                address=self._address,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except Exception as error:  # Ray's own errors, ConnectionError, ValueError, …
            raise LensError(
                f"--executor ray: no cluster at {self._address or 'this machine'}: {_reason(error)}"
            ) from error
        self._ours = True

    def _machines(self) -> list[Machine]:
        return [
            Machine(int(node["Resources"].get("CPU", 0)), int(node["Resources"].get("GPU", 0)))
            for node in self._ray.nodes()
            if node["Alive"]
        ]

    def _start(self) -> Any:
        workers = self._workers
        kind = self._ray.remote(Worker).options(
            num_cpus=workers.cpus,
            num_gpus=workers.gpus,
            max_restarts=0,
            scheduling_strategy="SPREAD",
        )
        actor = kind.remote(workers.cpus)
        self._actors.append(actor)
        return actor

    def _dismiss(self, running: Iterable[Any]) -> None:
        """Kill all workers, and wait until what they were at is over."""
        for actor in self._actors:
            self._ray.kill(actor, no_restart=True)
        self._actors.clear()
        waiting = list(running)
        if waiting and self._ray.is_initialized():
            self._ray.wait(waiting, num_returns=len(waiting), timeout=_FAREWELL_S)

    def _wait(self, running: Sequence[Any], note: Note) -> Any:
        """The first to be over; says so where that takes long for want of a worker."""
        ready, _ = self._ray.wait(list(running), num_returns=1, timeout=_PATIENCE_S)
        if not ready and not self._place:
            note("ray: waiting for a worker to start; the cluster may be busy or growing")
        while not ready:
            ready, _ = self._ray.wait(list(running), num_returns=1, timeout=_PATIENCE_S)
        return ready[0]

    def _check(self, loaded: Loaded) -> None:
        if loaded.error is not None:
            raise LensError(f"worker {loaded.host}: {loaded.error}")
        if loaded.weights_sha256 != self._sha256:
            raise LensError(
                f"worker {loaded.host}: its model has other weights than the one loaded here; "
                "random weights must be seeded, and files must be the same on all machines"
            )
        if self._place is not None and loaded.place != self._place:
            there, here = loaded.place, self._place
            assert there is not None
            raise LensError(
                f"worker {loaded.host} computes on {there.device} in {there.precision}, another "
                f"one on {here.device} in {here.precision}: say which with --device, --precision"
            )
        self._place = loaded.place


class _Crew:
    """The state of one run: who is at what."""

    def __init__(
        self,
        executor: RayExecutor,
        job: Any,
        root: Path,
        folders: Sequence[ClassFolder],
        note: Note,
    ) -> None:
        self._executor = executor
        self._ray = executor._ray
        self._job = job
        self._root = root
        self._note = note
        self._waiting = deque(folders)
        self._deaths: Counter[int] = Counter()
        self._lost = 0
        self._idle: list[Any] = []
        self.running: dict[Any, tuple[Any, ClassFolder | None]] = {}

    def work(self) -> Generator[Done, None, None]:
        size = min(self._executor._workers.count, len(self._waiting))
        first = self._executor._actors[:size]
        for actor in [*first, *(self._executor._start() for _ in range(size - len(first)))]:
            self._begin(actor)
        while self.running:
            reference = self._executor._wait(list(self.running), self._note)
            actor, folder = self.running.pop(reference)
            try:
                answer = self._ray.get(reference)
            except self._ray.exceptions.RayTaskError:
                raise  # a defect, not a death: with the worker's traceback
            except self._ray.exceptions.RayError as death:
                done = self._bury(actor, folder, death)
                if done is not None:
                    yield done
            else:
                self._idle.append(actor)
                if isinstance(answer, Loaded):
                    self._executor._check(answer)
                elif folder is not None:
                    yield self._told(folder, answer)
            self._assign()

    def _begin(self, actor: Any) -> None:
        self.running[actor.begin.remote(self._executor._source, self._job)] = (actor, None)

    def _assign(self) -> None:
        while self._waiting and self._idle:
            actor, folder = self._idle.pop(), self._waiting.popleft()
            path = folder.path.relative_to(self._root).as_posix()
            reference = actor.build.remote(folder.class_id, folder.name, path)
            self.running[reference] = (actor, folder)

    def _told(self, folder: ClassFolder, built: Built) -> Done:
        for text in built.notes:
            self._note(text)
        if built.hopeless:
            raise LensError(str(Done(folder, built.error)))
        return Done(folder, built.error)

    def _bury(self, actor: Any, folder: ClassFolder | None, death: Exception) -> Done | None:
        """Put its class back and start another worker; or give the class up."""
        self._executor._actors.remove(actor)
        done: Done | None = None
        if folder is None:
            self._lost += 1
            if self._lost >= MAX_DEATHS * self._executor._workers.count:
                raise LensError(f"--executor ray: workers cannot start: {_reason(death)}")
        else:
            self._deaths[folder.class_id] += 1
            if self._deaths[folder.class_id] >= MAX_DEATHS:
                done = Done(
                    folder,
                    f"{MAX_DEATHS} workers died of it ({_reason(death)}); if memory ran out, use "
                    "fewer --workers or a smaller model",
                )
            else:
                self._waiting.append(folder)
                self._note(f"class {folder.name!r}: its worker died; another one takes it up")
        if self._waiting and not self._idle:
            self._begin(self._executor._start())
        return done


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
