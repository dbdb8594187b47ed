"""What an atlas holds, in words: the lines that `lens atlas show` prints."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from statistics import median

from .errors import LensError
from .reader import Atlas
from .schema import ClassEntry, ClassInfo, ConceptInfo, DictionaryFit


def find_class(atlas: Atlas, wanted: str) -> ClassEntry:
    """The class of that name, synonym, folder or index.

    Raises
    ------
    LensError
        There is none; the nearest names are told.
    """
    plain = wanted.casefold().replace("_", " ")
    for entry in atlas.classes:
        names = {entry.name, entry.folder, *entry.synonyms, str(entry.id)}
        if plain in {name.casefold().replace("_", " ") for name in names}:
            return entry
    near = difflib.get_close_matches(plain, [e.name.casefold() for e in atlas.classes], cutoff=0.4)
    hint = f"; nearest: {', '.join(near)}" if near else ""
    raise LensError(f"--class {wanted}: the atlas has no such class{hint}")


def describe_atlas(atlas: Atlas) -> Iterator[str]:
    """Title, model and dictionaries."""
    manifest = atlas.manifest
    yield f"{manifest.title} ({manifest.hash})"
    yield f"model {manifest.model.name}, format version {manifest.format_version}"
    for dictionary in manifest.dictionaries:
        yield (
            f"dictionary {dictionary.id}: {dictionary.n_concepts} {dictionary.basis} at layer "
            f"{dictionary.layer}, {dictionary.method}, importance by {dictionary.importance}"
        )
        if dictionary.scope == "shared":
            yield _shared(atlas, dictionary.id)


def describe_class(atlas: Atlas, class_id: int) -> Iterator[str]:
    """Its dictionaries, how far each can be trusted, and their concepts."""
    info = atlas.load_class(class_id).info
    divided = {d.parent for d in atlas.dictionaries if d.parent}
    for fit in info.fits:
        others = f"concepts not shown {fit.others:.1%}, " if abs(fit.others) > 1e-6 else ""
        yield (
            f"  {fit.dictionary}: {others}residual {fit.residual:.1%}, bias {fit.bias:.1%}, "
            f"reconstruction error {fit.error_crops:.2f} on crops, {fit.error_maps:.2f} on maps"
        )
        yield from (f"    {line}" for line in _measures(fit))
        if atlas.dictionary(fit.dictionary).depth:
            continue  # they stand under the concepts that they divide
        for concept in info.of_dictionary(fit.dictionary):
            mark = " important" if concept.important else ""
            yield (
                f"    {concept.id:<16} importance {concept.importance:7.1%}  "
                f"prevalence {concept.prevalence:6.1%}{_steering(concept)}{mark}"
            )
            yield from _parts(info, concept, divided, "      ")


def _shared(atlas: Atlas, dictionary_id: str) -> str:
    info = atlas.shared(dictionary_id).info
    rates = [concept.firing_rate for concept in info.concepts]
    return (
        f"  shared by all classes: {len(rates)} occur, {info.dead} never do; a concept fires for "
        f"{median(rates or [0.0]):.2%} of {info.n_crops} crops (median), at most for "
        f"{max(rates, default=0.0):.2%}"
    )


def _measures(fit: DictionaryFit) -> Iterator[str]:
    if (quality := fit.quality) is not None:
        stable = "" if quality.stability is None else f", stability {quality.stability:.2f}"
        yield (
            f"R² {quality.r_squared:.2f}, {quality.l0:.1f} concepts a crop, {quality.dead} dead"
            f"{stable}, distance from real activations {_or_dash(quality.ood)} times theirs"
        )
    if fit.fidelity:
        yield "C-Deletion, C-Insertion, C-µFidelity: " + "; ".join(
            f"{_or_dash(f.deletion)}, {_or_dash(f.insertion)}, {_or_dash(f.mu_fidelity)} "
            f"({f.estimator})"
            for f in fit.fidelity
        )
    if fit.ablation is not None:
        yield (
            f"without each image's most active one: logit {-fit.ablation.drop_share:+.0%}, "
            f"{fit.ablation.flips:.0%} of decisions change"
        )


def _steering(concept: ConceptInfo) -> str:
    if concept.steering is None:
        return ""
    return f"  one dose more: logit {concept.steering.slope:+6.2f}"


def _parts(info: ClassInfo, concept: ConceptInfo, divided: set[str], margin: str) -> Iterator[str]:
    """A concept's sub-concepts as a tree; `divided` are the dictionaries that others divide."""
    parts = info.children(concept.id)
    if not parts and concept.dictionary in divided:
        yield f"{margin}not divided: too few crops have it"
    for part in parts:
        yield f"{margin}{part.id:<16} {part.share_of_parent or 0:7.1%} of it"
        yield from _parts(info, part, divided, f"{margin}  ")


def _or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
