"""Writing a data set, a row at a time, in constant memory.

The folder follows Psych-DS: a ``dataset_description.json``, tables
``data/study-NAME_table-WHAT_data.csv`` with the same tables as Parquet, a codebook, the frozen
``study.toml``, and ``manifest.json`` with row counts, checksums, and the files of the study that
are no longer what was frozen (``study_changed``). The simulator and the server's export both use
:class:`DatasetWriter`.
"""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from experiments.checks import check_columns
from experiments.records import EVENTS, PARTICIPANTS, Column, trial_columns
from lens_core.atlas import LensError
from lens_core.atlas.files import disk_errors, pretty_json, sha256_file
from lens_core.atlas.folders import replace_folder, require_free

if TYPE_CHECKING:
    from experiments.study import Study

BATCH_ROWS = 4096
"""Rows held in memory before they go into a Parquet row group."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def escape_cell(text: str) -> str:
    """Text that no spreadsheet runs as a formula; numbers stay as they are.

    A cell that starts like a formula gets an apostrophe in front, unless all of it is a number.
    """
    if not text.lstrip(" \ufeff").startswith(FORMULA_STARTS):
        return text
    try:
        if math.isfinite(float(text)) and text.strip() == text:
            return text
    except ValueError:
        pass
    return "'" + text


def table_stem(study: str, what: str) -> str:
    """File name of a table without its suffix.

    Psych-DS (file rules, ``fileRegex``) allows letters and digits alone in the values of a name,
    so a study's hyphens are left out.
    """
    return f"study-{study.replace('-', '')}_table-{what}_data"


def dataset_columns(
    study: Study, extra_participant_columns: Sequence[Column] = ()
) -> dict[str, tuple[Column, ...]]:
    """Columns of every table of a study's data set."""
    checks = check_columns(study.config)
    return {
        "participants": (*PARTICIPANTS, *checks, *extra_participant_columns),
        "trials": trial_columns(study.paradigm),
        "events": EVENTS,
    }


class DatasetWriter:
    """Writes a data set; nothing is seen at ``out`` before the ``with`` block ends well.

    Parameters
    ----------
    out : folder to write.
    study : the study that the data belong to.
    extra_participant_columns : demographics and provider columns, after the common ones and the
        values of the study's checks (``check_NAME``).
    description : facts for ``dataset_description.json`` besides the usual ones.
    force : replace what is there.

    Attributes
    ----------
    changed : files of the study that were not what was frozen when the data set was finished.

    Raises
    ------
    LensError
        If the target is not free, the disk is full, or a row has a column that nobody defined.

    Examples
    --------
    >>> with DatasetWriter(Path("data"), study) as data:        # doctest: +SKIP
    ...     data.participant({"participant": "p001", "condition": "concepts"})
    ...     data.trial({"participant": "p001", "trial": 0, "correct": 1})
    """

    def __init__(
        self,
        out: str | Path,
        study: Study,
        *,
        extra_participant_columns: Sequence[Column] = (),
        description: Mapping[str, Any] | None = None,
        force: bool = False,
    ) -> None:
        self.out = Path(out).absolute()
        self.study = study
        self.force = force
        self.description = dict(description or {})
        self.changed: tuple[str, ...] = ()
        self._columns = dataset_columns(study, extra_participant_columns)
        self._partial = self.out.with_name(f".{self.out.name}.{os.getpid()}.partial")
        self._tables: dict[str, _Table] = {}

    def __enter__(self) -> DatasetWriter:
        require_free(self.out, what="data set", force=self.force)
        with disk_errors(self.out):
            shutil.rmtree(self._partial, ignore_errors=True)
            (self._partial / "data").mkdir(parents=True)
            for what, columns in self._columns.items():
                stem = table_stem(self.study.name, what)
                self._tables[what] = _Table(self._partial / "data" / stem, columns)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            with disk_errors(self.out):
                for table in self._tables.values():
                    table.close(complete=kind is None)
                if kind is None:
                    self._finish()
                    replace_folder(self._partial, self.out)
        finally:
            shutil.rmtree(self._partial, ignore_errors=True)

    def participant(self, row: Mapping[str, Any]) -> None:
        """Add a participant."""
        self._add("participants", row)

    def trial(self, row: Mapping[str, Any]) -> None:
        """Add an answered trial."""
        self._add("trials", row)

    def event(self, row: Mapping[str, Any]) -> None:
        """Add an event."""
        self._add("events", row)

    def _add(self, what: str, row: Mapping[str, Any]) -> None:
        with disk_errors(self.out):
            self._tables[what].add(row)

    def _finish(self) -> None:
        from experiments.dataset_description import codebook, dataset_description

        write = self._partial
        self.changed = self.study.changes()
        shutil.copyfile(self.study.root / "study.toml", write / "study.toml")
        if self.study.frozen:
            shutil.copyfile(self.study.root / "frozen.json", write / "frozen.json")
        (write / "codebook.csv").write_text(codebook(self._columns), encoding="utf-8")
        described = dataset_description(self.study, self._columns, self.description, self.changed)
        (write / "dataset_description.json").write_bytes(pretty_json(described))
        rows = {what: table.rows for what, table in self._tables.items()}
        files = {
            path.relative_to(write).as_posix(): {
                "sha256": sha256_file(path),
                "size": path.stat().st_size,
            }
            for path in sorted(write.rglob("*"))
            if path.is_file()
        }
        for what, table in self._tables.items():
            for suffix in (".csv", ".parquet"):
                files[f"data/{table.stem.name}{suffix}"]["rows"] = rows[what]
        manifest = {
            "format": "lens-dataset",
            "format_version": 1,
            "study": self.study.name,
            "study_hash": self.study.hash,
            "frozen": self.study.frozen,
            "study_changed": list(self.changed),
            "rows": rows,
            "files": files,
        }
        (write / "manifest.json").write_bytes(pretty_json(manifest))


class _Table:
    """One table, as CSV and as Parquet at once."""

    def __init__(self, stem: Path, columns: Sequence[Column]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds = {"integer": pa.int64(), "number": pa.float64()}
        self.stem = stem
        self.columns = tuple(columns)
        self.rows = 0
        self._known = frozenset(column.name for column in columns)
        self._schema = pa.schema([(c.name, kinds.get(c.kind, pa.string())) for c in columns])
        self._pending: list[dict[str, Any]] = []
        self._csv_file: IO[str] = Path(f"{stem}.csv").open(  # noqa: SIM115 - kept open, see close
            "w", encoding="utf-8", newline=""
        )
        self._csv = csv.writer(self._csv_file, lineterminator="\n")
        self._csv.writerow([column.name for column in columns])
        self._parquet = pq.ParquetWriter(f"{stem}.parquet", self._schema, compression="zstd")

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row; columns left out are missing values."""
        unknown = sorted(set(row) - self._known)
        if unknown:
            raise LensError(f"column {unknown[0]!r} is not defined for {self.stem.name}")
        typed = {column.name: _typed(row.get(column.name), column) for column in self.columns}
        self._csv.writerow([_cell(typed[column.name], column) for column in self.columns])
        self._pending.append(typed)
        self.rows += 1
        if len(self._pending) >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        self._parquet.write_table(pa.Table.from_pylist(self._pending, schema=self._schema))
        self._pending.clear()

    def close(self, *, complete: bool) -> None:
        """Close both files; without ``complete`` they are about to be thrown away."""
        try:
            if complete and self._pending:
                self._flush()
        finally:
            self._csv_file.close()
            self._parquet.close()


def _typed(value: Any, column: Column) -> str | int | float | None:
    """A value as its column holds it; ``None`` and NaN are missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        if column.kind == "integer":
            return int(value)
        if column.kind == "number":
            return float(value)
    except (TypeError, ValueError):
        raise LensError(f"column {column.name} holds {column.kind} values, not {value!r}") from None
    if column.kind == "json" and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _cell(value: str | int | float | None, column: Column) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return escape_cell(value)
    return repr(value) if isinstance(value, float) else str(value)
