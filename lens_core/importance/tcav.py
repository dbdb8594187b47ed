"""Supervised baseline: concept activation vectors and how often they raise a class (TCAV).

Kim et al., ICML 2018. A concept is given by examples; its vector (CAV) is the normal of a linear
classifier between their activations and those of other images; its score for a class is the share
of the class's images whose logit rises along it. Scores of random examples say what is chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lens_core.importance.masked import Head


@dataclass(frozen=True)
class ConceptVector:
    """A direction in activations, learned from examples.

    Attributes
    ----------
    direction
        (d,) of length 1, towards the examples of the concept.
    accuracy
        Of the classifier on examples held out, mean of both sides. About ½: not a concept that
        the layer tells apart, and its score means nothing.
    """

    direction: Tensor
    accuracy: float


@dataclass(frozen=True)
class TcavResult:
    """Scores of a concept over repeated sets of counter-examples, and of chance.

    Attributes
    ----------
    scores
        (k,) one a set of counter-examples.
    random_scores
        (k,) of vectors between two random sets.
    p_value
        Two-sided, of Welch's t-test between both (section 3.4 there).
    """

    scores: Tensor
    random_scores: Tensor
    p_value: float


def concept_vector(
    examples: Tensor, others: Tensor, penalty: float = 1.0, held_out: float = 0.25, seed: int = 0
) -> ConceptVector:
    """Fit a CAV on pooled activations of examples (n, d) and of others (m, d).

    Logistic regression with classes weighted alike. Activations are scaled to a common spread
    first (one number, so that directions stay), which gives `penalty`, the inverse strength of the
    ridge, the same meaning in every layer.

    Raises
    ------
    ValueError
        Fewer than four on either side: none could be held out.
    """
    if min(len(examples), len(others)) < 4:
        raise ValueError(
            f"a concept vector needs at least 4 examples and 4 others, not {len(examples)} and "
            f"{len(others)}"
        )
    from sklearn.linear_model import LogisticRegression

    generator = torch.Generator().manual_seed(seed)
    split = [_split(x.double().cpu(), held_out, generator) for x in (examples, others)]
    (fit_in, test_in), (fit_out, test_out) = split
    rows = torch.cat([fit_in, fit_out])
    middle, spread = rows.mean(0), (rows - rows.mean(0)).square().sum(1).mean().sqrt()
    spread = spread if float(spread) > 0 else torch.ones_like(spread)
    model = LogisticRegression(C=penalty, class_weight="balanced", max_iter=2000)
    labels = [1] * len(fit_in) + [0] * len(fit_out)
    model.fit(((rows - middle) / spread).numpy(), labels)
    right_in = model.predict(((test_in - middle) / spread).numpy()) == 1
    right_out = model.predict(((test_out - middle) / spread).numpy()) == 0
    direction = torch.from_numpy(model.coef_[0]).to(examples)
    return ConceptVector(
        torch.nn.functional.normalize(direction, dim=0),
        float((right_in.mean() + right_out.mean()) / 2),
    )


def tcav_score(head: Head, activations: Tensor, direction: Tensor) -> float:
    """Share of the class's images whose logit rises along the direction.

    Parameters
    ----------
    activations
        (n, d, …) of images of the class. The derivative is that of moving all positions alike.
    """
    inputs = activations.detach().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(head(inputs).sum(), inputs)
    along = torch.einsum("nd...,d->n...", gradient, direction.to(gradient))
    rises = along.flatten(1).sum(1) if along.ndim > 1 else along
    return float((rises > 0).double().mean())


def tcav(
    head: Head,
    activations: Tensor,
    examples: Tensor,
    others: Tensor,
    n_repeats: int = 10,
    seed: int = 0,
) -> TcavResult:
    """Scores of a concept against random halves of the others, and of those against one another.

    Parameters
    ----------
    head
        Activations (n, d, …) → logit of the class (n,).
    activations
        (n, d, …) of images of the class.
    examples, others
        Pooled activations (m, d) of the concept's examples and of random images, at least 8.
    """
    generator = torch.Generator().manual_seed(seed)
    scores: list[float] = []
    random_scores: list[float] = []
    for repeat in range(n_repeats):
        order = torch.randperm(len(others), generator=generator).to(others.device)
        half, rest = others[order[: len(order) // 2]], others[order[len(order) // 2 :]]
        for found, positive in ((scores, examples), (random_scores, rest)):
            vector = concept_vector(positive, half, seed=seed + repeat)
            found.append(tcav_score(head, activations, vector.direction))
    real, chance = torch.tensor(scores).double(), torch.tensor(random_scores).double()
    return TcavResult(real, chance, _welch(real, chance))


def _welch(first: Tensor, second: Tensor) -> float:
    """Two-sided p-value; where neither side varies 1 if both are the same, else 0."""
    from scipy.stats import ttest_ind_from_stats

    means = [float(x.mean()) for x in (first, second)]
    spreads = [float(x.std()) for x in (first, second)]
    if max(spreads) == 0:
        return float(means[0] == means[1])
    found = ttest_ind_from_stats(
        means[0], spreads[0], len(first), means[1], spreads[1], len(second), equal_var=False
    )
    return float(found.pvalue)


def _split(rows: Tensor, held_out: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(rows), generator=generator)
    n_test = min(max(round(held_out * len(rows)), 1), len(rows) - 1)
    return rows[order[n_test:]], rows[order[:n_test]]
