"""Where the classes of an atlas are built: one after another here, or many at once on a cluster."""

from __future__ import annotations

from lens_core.executors.base import Done, Executor, Place, build_classes
from lens_core.executors.job import Job, ModelSource
from lens_core.executors.local import LocalExecutor

__all__ = ["Done", "Executor", "Job", "LocalExecutor", "ModelSource", "Place", "build_classes"]
