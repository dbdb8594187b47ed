"""Do people find the same places diagnostic? Reliability and ceilings of click maps.

Everything about one image follows from the Gram matrix of its people's maps. With m_j the map of
person j, each made to have mean zero, K_jl = m_j · m_l, and a, b the indicators of two groups,

    r(a, b)   = aᵀK b / √(aᵀK a · bᵀK b)                correlation of the two groups' mean maps
    SB        = 2 r / (1 + r)                            Spearman–Brown: for all people, not half
    λ(a, b)   = 4 aᵀK b / 1ᵀK 1                          Guttman's split-half; its mean over all
                                                         equal splits is Cronbach's α exactly
    α         = P/(P − 1) · (1 − tr K / 1ᵀK 1)

so no map is ever averaged or correlated again, whatever the number of splits.

Sources: Linsley, Shiebler, Eberhardt and Serre (2019), Learning What and Where to Attend, ICLR;
Guttman (1945), Psychometrika 10; Cronbach (1951), Psychometrika 16; Nili et al. (2014), PLOS
Computational Biology 10, for ceilings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.intervals import t_interval
from analysis.people import require_columns
from analysis.progress import Track, no_track

Floats = NDArray[np.float64]
FEW_PEOPLE = 6
"""Published studies had six to ten people an image, or more."""


@dataclass(frozen=True)
class ClickMapReliability:
    """Reliability of click maps.

    Attributes
    ----------
    table : one row an image: ``n_participants``, ``split_half`` (mean r over splits),
        ``spearman_brown``, ``alpha``, ``leave_one_out`` (mean correlation of one person with the
        mean of the others), ``ceiling`` (√ of Spearman–Brown: what the best model of the mean map
        can reach).
    overall : one row: means over images with t intervals (``…_low``, ``…_high``: these people,
        other images), ``null`` and ``null_high`` (mean and 95th percentile of the same correlation
        between halves of different images), ``n_images``.
    notes : in words.
    participants : one row a person and image: ``leave_one_out``, the correlation of their map with
        the mean of the others'.
    """

    table: pd.DataFrame
    overall: pd.DataFrame
    notes: tuple[str, ...] = ()
    participants: pd.DataFrame = field(default_factory=pd.DataFrame)

    def to_frame(self) -> pd.DataFrame:
        """The images."""
        return self.table


def smooth(maps: ArrayLike, *, sigma_px: float, width_px: int = 21) -> Floats:
    """Blur maps (n, h, w) with a Gaussian cut off at a square of ``width_px``.

    The published width is 21 px for maps of 224 px.
    """
    from scipy.ndimage import gaussian_filter

    if sigma_px <= 0 or width_px < 1 or width_px % 2 == 0:
        raise AnalysisError("sigma_px must be positive and width_px odd")
    x = np.asarray(maps, dtype=float)
    radius = width_px // 2
    return np.asarray(gaussian_filter(x, sigma=(0, sigma_px, sigma_px), radius=(0, radius, radius)))


def gram(maps: ArrayLike) -> Floats:
    """K (P, P) of maps (P, …), each centred."""
    x = np.asarray(maps, dtype=float).reshape(len(np.asarray(maps)), -1)
    x = x - x.mean(axis=1, keepdims=True)
    return np.asarray(x @ x.T)


def split_half(k: Floats, first: ArrayLike) -> Floats:
    """Correlations of the mean maps of two halves; ``first`` (splits, P) says who is in the first.

    Examples
    --------
    >>> maps = np.array([[1.0, 0, 0, 1], [1, 0, 0, 0], [1, 0, 1, 1], [0, 0, 0, 1]])
    >>> float(split_half(gram(maps), [[True, True, False, False]])[0].round(4))
    0.4264
    """
    a = np.atleast_2d(np.asarray(first, dtype=float))
    b = 1 - a
    ak = a @ k
    own, other = (ak * a).sum(axis=1), ((b @ k) * b).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((ak * b).sum(axis=1) / np.sqrt(own * other))


def guttman(k: Floats, first: ArrayLike) -> Floats:
    """Guttman's split-half coefficient of each split."""
    a = np.atleast_2d(np.asarray(first, dtype=float))
    return np.asarray(4 * ((a @ k) * (1 - a)).sum(axis=1) / k.sum())


def cronbach_alpha(k: Floats) -> float:
    """α of the mean map of P people."""
    p = len(k)
    return float(p / (p - 1) * (1 - np.trace(k) / k.sum()))


def leave_one_out(k: Floats) -> Floats:
    """(P,) correlation of each person's map with the mean map of the others."""
    own, with_all = np.diag(k), k.sum(axis=1)
    others = k.sum() - 2 * with_all + own
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((with_all - own) / np.sqrt(own * others))


def random_halves(p: int, n_splits: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(splits, P): ⌊P/2⌋ people drawn for the first half."""
    order = rng.random((n_splits, p)).argsort(axis=1)
    return np.asarray(order < p // 2)


def click_map_reliability(
    maps: ArrayLike,
    answers: pd.DataFrame,
    *,
    cluster: str,
    image: str,
    rng: np.random.Generator,
    n_splits: int = 100,
    n_null: int = 200,
    level: float = 0.95,
    track: Track = no_track,
) -> ClickMapReliability:
    """Split-half reliability of every image, ceilings, and a null from different images.

    Parameters
    ----------
    maps : (n, h, w) or (n, pixels), one a person and image, of the same order as ``answers``.
    answers : (n) rows that name person and image.
    n_splits : random halves of the people of an image.
    n_null : pairs of different images, a random half of the people of each.

    Raises
    ------
    AnalysisError
        If maps and rows do not match, or someone has two maps of an image.
    NotEstimable
        If no image has maps of two people.
    """
    require_columns(answers, [cluster, image])
    shape = np.shape(maps)
    if len(shape) < 2 or shape[0] != len(answers):
        raise AnalysisError(f"there are {shape[0] if shape else 0} maps for {len(answers)} rows")
    if answers.duplicated([cluster, image]).any():
        raise AnalysisError("somebody has two maps of an image: average or choose first")
    x = np.asarray(maps).reshape(shape[0], -1)
    people = answers[cluster].to_numpy()
    rows, each, kept, empty = [], [], [], 0
    places = answers.reset_index(drop=True).groupby(image, observed=True, sort=True).indices
    for name, found in track(places.items(), "click maps", len(places)):
        own = np.asarray(found, dtype=np.intp)
        k = gram(x[own])
        own = own[np.diag(k) > 0]
        empty += len(k) - len(own)
        if len(own) < 2:
            continue
        k = gram(x[own])
        kept.append(own)
        rows.append(_row(str(name), k, n_splits, rng))
        others = {"image": str(name), cluster: people[own], "leave_one_out": leave_one_out(k)}
        each.append(pd.DataFrame(others))
    if not rows:
        raise NotEstimable("no image has maps of two people")
    table = pd.DataFrame(rows)
    null = _null(x, kept, n_null, rng)
    overall: dict[str, object] = {"n_images": len(table)}
    for what in ("split_half", "spearman_brown", "alpha", "leave_one_out", "ceiling"):
        values = table[what].dropna().to_numpy(dtype=float)
        ends = t_interval(values, level)
        overall |= {what: float(values.mean()) if len(values) else float("nan")}
        overall |= {f"{what}_low": ends.low, f"{what}_high": ends.high}
    overall["null"] = float(null.mean()) if len(null) else float("nan")
    overall["null_high"] = float(np.quantile(null, 0.95)) if len(null) else float("nan")
    notes = _notes(table, len(places), empty)
    return ClickMapReliability(
        table, pd.DataFrame([overall]), notes, pd.concat(each, ignore_index=True)
    )


def _row(name: str, k: Floats, n_splits: int, rng: np.random.Generator) -> dict[str, object]:
    r = float(np.nanmean(split_half(k, random_halves(len(k), n_splits, rng))))
    stepped_up = 2 * r / (1 + r) if r > -1 else float("nan")
    return {
        "image": name,
        "n_participants": len(k),
        "split_half": r,
        "spearman_brown": stepped_up,
        "alpha": cronbach_alpha(k) if k.sum() > 0 else float("nan"),
        "leave_one_out": float(np.nanmean(leave_one_out(k))),
        "ceiling": float(np.sqrt(stepped_up)) if stepped_up > 0 else 0.0,
    }


def _null(
    x: NDArray[np.generic], groups: list[NDArray[np.intp]], n: int, rng: np.random.Generator
) -> Floats:
    """Correlations of half the people of one image with half the people of another."""
    if len(groups) < 2:
        return np.array([])
    found = []
    for _ in range(n):
        picked = rng.choice(len(groups), size=2, replace=False)
        halves = [
            np.asarray(x[rng.permutation(groups[i])[: max(len(groups[i]) // 2, 1)]], dtype=float)
            for i in picked
        ]
        one, two = (half.mean(axis=0) for half in halves)
        if one.std() > 0 and two.std() > 0:
            found.append(float(np.corrcoef(one, two)[0, 1]))
    return np.array(found)


def _notes(table: pd.DataFrame, n_images: int, empty: int) -> tuple[str, ...]:
    notes = []
    if empty:
        notes.append(f"{empty} maps are empty or even and are left out.")
    if len(table) < n_images:
        notes.append(f"{n_images - len(table)} images have fewer than two maps and are left out.")
    few = int((table["n_participants"] < FEW_PEOPLE).sum())
    if few:
        notes.append(f"{few} images have maps of fewer than {FEW_PEOPLE} people.")
    return tuple(notes)


def similarity_to_model(
    maps: ArrayLike,
    answers: pd.DataFrame,
    model_maps: Mapping[str, ArrayLike],
    *,
    image: str,
    reliability: ClickMapReliability,
    level: float = 0.95,
) -> ClickMapReliability:
    """Correlation of a model's maps with people's mean maps, and its share of the ceiling.

    Returns
    -------
    ``table`` with ``similarity`` and ``share_of_ceiling`` by image; ``overall`` their means over
    images with t intervals (these people and this model, other images).
    """
    x = np.asarray(maps, dtype=float).reshape(len(answers), -1)
    places = answers.reset_index(drop=True).groupby(image, observed=True, sort=True).indices
    ceilings = reliability.table.set_index("image")["ceiling"]
    rows = []
    for name, own in places.items():
        if str(name) not in ceilings.index or name not in model_maps:
            continue
        model = np.asarray(model_maps[str(name)], dtype=float).ravel()
        if model.shape != x.shape[1:]:
            raise AnalysisError(f"the model's map of {name!r} has another size than people's maps")
        mean = x[own].mean(axis=0)
        r = float(np.corrcoef(mean, model)[0, 1]) if model.std() > 0 else float("nan")
        top = float(ceilings[str(name)])
        share = r / top if top > 0 else float("nan")
        rows.append({"image": str(name), "similarity": r, "share_of_ceiling": share})
    if not rows:
        raise NotEstimable("there are no images with both people's maps and a map of the model")
    table = pd.DataFrame(rows)
    overall: dict[str, object] = {"n_images": len(table)}
    for what in ("similarity", "share_of_ceiling"):
        values = table[what].dropna().to_numpy(dtype=float)
        ends = t_interval(values, level)
        overall[what] = float(values.mean()) if len(values) else float("nan")
        overall |= {f"{what}_low": ends.low, f"{what}_high": ends.high}
    return ClickMapReliability(table, pd.DataFrame([overall]))
