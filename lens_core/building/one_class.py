"""One class of an atlas, from its folder of photographs to its finished folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lens_core.atlas import ClassWriter, DictionaryInfo, Track
from lens_core.building.collect import ClassImages, collect, encode_crops
from lens_core.building.divide import divide_class
from lens_core.building.explain import Explained, explain
from lens_core.building.measure import Measured, measure
from lens_core.building.settings import BuildSettings
from lens_core.building.shared_class import explain_shared
from lens_core.building.write import write_class
from lens_core.classifier import Classifier
from lens_core.factorization import Factorization
from lens_core.images import ClassFolder
from lens_core.visualization.spectrum import Spectrum


@dataclass(frozen=True)
class Plan:
    """What all classes of an atlas are built with; a class needs this and its folder alone.

    Attributes
    ----------
    classifiers
        One a layer, by its name, the main one first.
    root
        The images folder, which file names are relative to.
    spectrum
        Of the visualizations; None to make none.
    shared
        Fitted dictionaries of scope "shared", by id.
    """

    classifiers: Mapping[str, Classifier]
    dictionaries: Sequence[DictionaryInfo]
    settings: BuildSettings
    root: Path
    spectrum: Spectrum | None = None
    shared: Mapping[str, Factorization] = field(default_factory=dict)

    @property
    def main(self) -> Classifier:
        """The classifier cut at the main layer."""
        return next(iter(self.classifiers.values()))

    @cached_property
    def everywhere(self) -> dict[str, Classifier]:
        """One a layer, the main one first, also of those at which concepts are divided."""
        at = dict(self.classifiers)
        for info in self.dictionaries:
            if info.layer not in at:
                at[info.layer] = self.main.at(info.layer)
        return at


def build_class(
    plan: Plan,
    folder: ClassFolder,
    out: ClassWriter,
    track: Track,
    note: Callable[[str], None],
) -> None:
    """Explain the class and write it; `out` is finished when this returns.

    Raises
    ------
    LensError
        A picture cannot be read, none is predicted as the class, or its logits have no shares.
    """
    photographs = collect(plan.main, folder, plan.root, plan.settings, track, note)
    explained, measured = _explain_layers(plan, photographs, folder, track)
    divisions = [info for info in plan.dictionaries if info.depth]
    explained += divide_class(
        divisions, plan.everywhere, photographs, explained, plan.settings, track, note, folder.name
    )
    attributed = None
    if plan.settings.attributions:
        from lens_core.building.attributions import attribute_class

        attributed = attribute_class(plan.main, photographs, explained[0], plan.settings, track)
    pictures = {}
    if plan.spectrum is not None:
        from lens_core.building.portraits import portraits

        pictures = portraits(
            plan.everywhere, folder.class_id, explained, plan.spectrum, plan.settings, out, track
        )
    write_class(
        out,
        plan.main,
        folder,
        photographs,
        explained,
        measured,
        attributed,
        pictures,
        plan.settings,
    )


def _explain_layers(
    plan: Plan, photographs: ClassImages, folder: ClassFolder, track: Track
) -> tuple[list[Explained], dict[str, Measured]]:
    """All dictionaries but divisions, in their order, and what was measured of them, by id."""
    found: dict[str, Explained] = {}
    measured: dict[str, Measured] = {}
    for layer, classifier in plan.classifiers.items():
        mine = [info for info in plan.dictionaries if info.layer == layer and not info.depth]
        where = folder.name if len(plan.classifiers) == 1 else f"{folder.name}, {layer}"
        crops = encode_crops(classifier, photographs, plan.settings, track, f"{where}: crops")
        context = (crops, plan.settings, track, f"{where}: images")
        own = [info for info in mine if info.scope == "class"]
        for one in explain(classifier, photographs, own, *context) if own else ():
            found[one.info.id] = one
        for info in mine:
            if info.scope == "shared":
                basis = plan.shared[info.id]
                found[info.id] = explain_shared(classifier, photographs, info, basis, *context)
        if plan.settings.measures:
            here = [found[info.id] for info in mine]
            measured |= measure(
                classifier, photographs, here, crops, plan.settings, track, f"{where}: measures"
            )
    return [found[info.id] for info in plan.dictionaries if not info.depth], measured
