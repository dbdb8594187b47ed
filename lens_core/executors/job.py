"""A build as data that travels: what a worker on another machine needs, and no code.

A classifier is not sent. Each worker loads its own from what `load_classifier` takes, and whether
it is the same is seen from the checksum of its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from lens_core.atlas import AtlasWriter, DictionaryInfo, LensError
from lens_core.atlas.store import FolderStore, open_store
from lens_core.atlas.writer import fingerprint_of
from lens_core.building.one_class import Plan
from lens_core.building.settings import BuildSettings
from lens_core.classifier import Classifier, load_classifier
from lens_core.factorization.saving import from_files, to_files
from lens_core.visualization.spectrum import Spectrum


@dataclass(frozen=True)
class ModelSource:
    """What `lens_core.classifier.load_classifier` takes."""

    spec: str
    weights: str | None = None
    weights_by_order: bool = False
    layer: str | None = None
    device: str = "auto"
    precision: str = "auto"

    def load(self) -> Classifier:
        """The classifier."""
        return load_classifier(
            self.spec,
            weights=self.weights,
            weights_by_order=self.weights_by_order,
            layer=self.layer,
            device=self.device,
            precision=self.precision,
        )

    def anywhere(self) -> ModelSource:
        """The same, for a process in another working folder."""
        spec, weights = self.spec, self.weights
        file, colon, name = spec.rpartition(":")
        if file.endswith(".py"):
            spec = f"{Path(file).resolve()}{colon}{name}"
        elif Path(spec).is_dir():
            spec = str(Path(spec).resolve())
        if weights not in (None, "none"):
            weights = str(Path(str(weights)).resolve())
        return replace(self, spec=spec, weights=weights)


@dataclass(frozen=True)
class Job:
    """A `Plan` and a place for the atlas, as strings and bytes.

    Attributes
    ----------
    layers
        Where classifiers are cut, the main one first.
    dictionaries, settings
        JSON.
    images
        The images folder.
    place, fingerprint
        Where the atlas is written, and what says that it is this one.
    spectrum
        safetensors, or None to make no visualizations.
    shared
        Files of the shared dictionaries, by id and name.
    """

    layers: tuple[str, ...]
    dictionaries: tuple[str, ...]
    settings: str
    images: str
    place: str
    fingerprint: str
    spectrum: bytes | None
    shared: Mapping[str, Mapping[str, bytes]]

    @classmethod
    def of(cls, plan: Plan, writer: AtlasWriter) -> Job:
        """Describe a build.

        Raises
        ------
        LensError
            Other processes cannot write where the atlas is to lie.
        """
        if not writer.store.shared:
            raise LensError(
                f"--out {writer.store}: only this process can see it; give a folder or URL that "
                "all workers can write to"
            )
        store = writer.store
        place = str(store.root.resolve()) if isinstance(store, FolderStore) else str(store)
        return cls(
            layers=tuple(plan.classifiers),
            dictionaries=tuple(info.model_dump_json() for info in plan.dictionaries),
            settings=plan.settings.model_dump_json(),
            images=str(plan.root.resolve()),
            place=place,
            fingerprint=writer.fingerprint,
            spectrum=None if plan.spectrum is None else bytes(save_tensors(plan.spectrum.arrays)),
            shared={name: to_files(basis) for name, basis in plan.shared.items()},
        )

    def plan(self, classifier: Classifier) -> Plan:
        """The plan, for a classifier cut at the first layer."""
        device = str(classifier.device)
        return Plan(
            classifiers={
                layer: classifier if layer == classifier.layer else classifier.at(layer)
                for layer in self.layers
            },
            dictionaries=tuple(
                DictionaryInfo.model_validate_json(info) for info in self.dictionaries
            ),
            settings=BuildSettings.model_validate_json(self.settings),
            root=Path(self.images),
            spectrum=None if self.spectrum is None else Spectrum(**load_tensors(self.spectrum)),
            shared={name: from_files(files, name, device) for name, files in self.shared.items()},
        )

    def missing_here(self) -> str | None:
        """What this machine does not see of the build, and what to do; None if it sees all."""
        if not Path(self.images).is_dir():
            return (
                f"--images {self.images}: there is no such folder on this machine; it must be on "
                "a file system that all workers share"
            )
        if fingerprint_of(open_store(self.place)) != self.fingerprint:
            return (
                f"--out {self.place}: is not the atlas that is being built, as seen from this "
                "machine; give a shared folder, or a URL such as s3://bucket/atlas"
            )
        return None
