"""Numbers beside the pictures: how far a dictionary can be trusted on one class, in plain words."""

from __future__ import annotations

import pandas as pd

from lens_core.atlas import ClassInfo, DictionaryFit, DictionaryInfo

from .book import AtlasBook, unit_word
from .number_views import AblationRow, FidelityRow, MeasureView, TrustView
from .texts import decimals, percent

RANDOM = "random"
ORDERS = {"sobol": "Sobol indices", RANDOM: "Random order"}
FIDELITY = {
    "deletion": "logit left while concepts are taken away, the most important first, as a share of "
    "the whole; small is good",
    "insertion": "logit reached while they are put back in that order; large is good",
    "mu_fidelity": "how well the importances of a random group foretell what the logit loses "
    "without it; 1 is perfectly",
}
"""What each measure of `Fidelity` means."""
ABLATION = {
    "drop": "logit lost without each image's most active one",
    "drop_share": "the same as a share of the logit",
    "flips": "images whose predicted class changes without it",
}


def trust_view(book: AtlasBook, info: ClassInfo, chosen: DictionaryInfo) -> TrustView | None:
    """What was measured of one dictionary on one class; None if nothing was."""
    fit = _fit_of(info, chosen.id)
    if fit is None:
        return None
    return TrustView(
        measures=_measures(fit, chosen),
        fidelity=tuple(
            FidelityRow(
                name=ORDERS.get(found.estimator, "These importances"),
                hint=chosen.importance if found.estimator not in ORDERS else "",
                deletion=found.deletion,
                insertion=found.insertion,
                mu_fidelity=found.mu_fidelity,
                baseline=found.estimator == RANDOM,
            )
            for found in fit.fidelity
        ),
        ablation=_ablation(book, info, chosen),
    )


def trust_table(book: AtlasBook, info: ClassInfo, dictionary: str) -> pd.DataFrame:
    """The same as a table of all measures, a row each, with those that the page leaves out."""
    columns = ["dictionary", "estimator", "measure", "value", "meaning"]
    fit = _fit_of(info, dictionary)
    rows: list[tuple[str, str, str, float | None, str]] = []
    if fit is not None:
        for name, value, meaning in _numbers(fit, book.atlas.dictionary(dictionary)):
            rows.append((dictionary, "", name, value, meaning))
        for found in fit.fidelity:
            for name, meaning in FIDELITY.items():
                rows.append((dictionary, found.estimator, name, getattr(found, name), meaning))
        for name, meaning in ABLATION.items() if fit.ablation else ():
            rows.append((dictionary, "", f"ablation_{name}", getattr(fit.ablation, name), meaning))
    return pd.DataFrame(rows, columns=columns)


def _fit_of(info: ClassInfo, dictionary: str) -> DictionaryFit | None:
    return next((fit for fit in info.fits if fit.dictionary == dictionary), None)


def _numbers(fit: DictionaryFit, chosen: DictionaryInfo) -> list[tuple[str, float | None, str]]:
    """Name, value and meaning of every measure of the reconstruction."""
    word = unit_word(chosen).lower()
    rows: list[tuple[str, float | None, str]] = [
        ("error_crops", fit.error_crops, f"what is lost when crops are rebuilt from {word}s"),
        (
            "error_held_out",
            fit.error_held_out,
            "the same for images that were kept aside; much more would mean learnt by heart",
        ),
        ("error_maps", fit.error_maps, "the same for single places of the maps"),
    ]
    if fit.quality is None:
        return rows
    quality = fit.quality
    return [
        *rows,
        (
            "r_squared",
            quality.r_squared,
            "differences between crops that are kept: 1 all, 0 no more than the average crop tells",
        ),
        (
            "stability",
            quality.stability,
            f"cosine with the {word}s that other images give; 1 is the same",
        ),
        ("dead", float(quality.dead), f"{word}s that no crop has"),
        ("l0", quality.l0, f"{word}s that an average crop has; few are easier to read"),
        (
            "ood",
            quality.ood,
            "from rebuilt activations to the nearest real ones, over that among real ones; "
            "well above 1 the model never meets such activations",
        ),
        ("hoyer", quality.hoyer, f"sparsity: 0 all {word}s alike, 1 one alone"),
        ("wasserstein", quality.wasserstein, "sliced distance between real and rebuilt ones"),
        ("frechet", quality.frechet, "Fréchet distance between real and rebuilt activations"),
    ]


SHOWN = {
    "error_crops": "Error on crops",
    "error_held_out": "Error on crops never seen",
    "error_maps": "Error at single places",
    "r_squared": "R²",
    "stability": "Stability",
    "dead": "Dead",
    "l0": "At once",
    "ood": "Distance from real",
}
"""Measures that the page shows, by their heading there."""


def _measures(fit: DictionaryFit, chosen: DictionaryInfo) -> tuple[MeasureView, ...]:
    views = []
    for name, value, meaning in _numbers(fit, chosen):
        if value is None or name not in SHOWN:
            continue
        if name.startswith("error"):
            text = percent(value)
        elif name == "dead":
            text = f"{value:.0f} of {chosen.n_concepts}"
        else:
            text = decimals(value, 1 if name == "l0" else 2)
        views.append(MeasureView(SHOWN[name], text, f"{meaning[0].upper()}{meaning[1:]}."))
    return tuple(views)


def _ablation(book: AtlasBook, info: ClassInfo, chosen: DictionaryInfo) -> tuple[AblationRow, ...]:
    """Of the dictionary shown, and beside it of the other bases of its layer."""
    rows = []
    for dictionary in book.atlas.dictionaries:
        fit = _fit_of(info, dictionary.id)
        if fit is None or fit.ablation is None or dictionary.layer != chosen.layer:
            continue
        shared = " of all classes" if dictionary.scope != chosen.scope else ""
        rows.append(
            AblationRow(
                name=f"Its most active {unit_word(dictionary).lower()}{shared}",
                drop_share=fit.ablation.drop_share,
                flips=fit.ablation.flips,
                current=dictionary.id == chosen.id,
            )
        )
    return tuple(rows)
