"""Anybody's photographs, a model's answers, and explanations by any method, from a table.

Columns: ``image`` (file), ``prediction`` (what the model says; two different ones in all).
Optional: ``method`` and ``file`` (the picture of that method's explanation), ``truth``,
``evidence`` (how clearly the photograph shows what the model goes by, in SDs, for simulated
observers; default 1.5). One row for each photograph and method; a photograph that is only asked
about has one row without a method.
"""

from __future__ import annotations

from pathlib import Path

from experiments.paradigms.meta_predictor import BASELINE, CONTROL, MetaPredictorDesign
from experiments.paradigms.meta_predictor_photographs import Judged
from experiments.paradigms.tables import files_in, number_in, read_table, square
from lens_core.atlas import LensError


def judged_by(table: Path, design: MetaPredictorDesign) -> tuple[list[Judged], list[str]]:
    """The photographs, and the methods that the design takes.

    Raises
    ------
    LensError
        If the table lacks a column or a method, contradicts itself, or names a picture that is not
        there.
    """
    optional = ("method", "file", "truth", "evidence", "condition", "use")
    rows = read_table(table, ("image", "prediction"), optional, ("test",))
    judged: dict[str, Judged] = {}
    methods: dict[str, None] = {}
    for row in rows:
        image, method = row["image"].strip(), row.get("method", "").strip()
        explained = dict(judged[image].explained) if image in judged else {}
        if method in (BASELINE, CONTROL):
            raise LensError(f"{table}: {method!r} is a condition of its own, not a method")
        if bool(method) != bool(row.get("file", "").strip()):
            raise LensError(f"{table}: {image} has a method without a file or a file without one")
        if method:
            (file,) = files_in(row["file"]) or [""]
            explained[method] = square(table.parent / file)
            methods[method] = None
        one = Judged(
            item=image,
            cut=square(table.parent / image),
            prediction=row["prediction"].strip(),
            truth=row.get("truth", "").strip(),
            explained=explained,
            evidence=number_in(row | {"item": image}, "evidence", 1.5),
        )
        if image in judged and judged[image].cell != one.cell:
            raise LensError(f"{table}: {image} has different predictions or truths in two rows")
        judged[image] = one
    names = [name for name in methods if not design.methods or name in design.methods]
    unknown = [name for name in design.methods if name not in methods]
    if unknown:
        raise LensError(f"methods: {table} has no {unknown[0]!r}; it has {', '.join(methods)}")
    return list(judged.values()), names
