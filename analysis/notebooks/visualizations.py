# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Do feature visualizations help? From answers to accuracy, confidence and preference
#
# Which of two pictures does the machine favour? People have reference pictures: none, natural
# images, or optimized ones such as MACO's (after Borowski et al., ICLR 2021, and Zimmermann et al.,
# NeurIPS 2021). Simulated people; `LENS_DATASET` takes an export instead.

# %%
# ruff: noqa: B018 (a cell shows its last expression)
import os

import numpy as np
import pandas as pd
from scipy.special import expit

from analysis.dataset import from_frames, read_dataset
from analysis.exclusions import apply_exclusions
from analysis.plan import Criterion, Plan
from analysis.programmes.plausibility import plausibility
from analysis.programmes.visualizations import visualization_study

SEED = 0

# %% [markdown]
# ## Answers
#
# Eighteen trials and three catch trials a person, confidence in three steps. Natural pictures help
# most; MACO's help more than Fourier's.

# %%
LOGITS = {"none": 0.2, "fourier": 0.8, "maco": 1.3, "natural": 1.8}


def simulate(people: int = 25) -> pd.DataFrame:
    """Answers as the experiment server exports them, with the columns that are used here."""
    rng = np.random.default_rng(SEED)
    rows = []
    for condition, logit in LOGITS.items():
        unit = rng.normal(0, 0.4, 30)
        for person in range(people):
            skill, asleep = rng.normal(0, 0.4), rng.random() < 0.05
            for trial in range(21):
                catch, item = trial >= 18, int(rng.integers(30))
                p = 0.97 if catch else expit(logit + skill + unit[item])
                right = bool(rng.random() < (0.5 if asleep else p))
                sure = 2 + 0.5 * right - 0.2 + rng.normal(0, 0.7)
                rows.append(
                    {
                        "participant": f"{condition}{person:02d}",
                        "condition": condition,
                        "phase": "catch" if catch else "test",
                        "item": f"{condition}-unit{item:02d}",
                        "n_options": 2,
                        "trial": trial,
                        "correct": int(right),
                        "confidence": float(np.clip(round(sure), 1, 3)),
                    }
                )
    return pd.DataFrame(rows)


if folder := os.environ.get("LENS_DATASET"):
    data = read_dataset(folder)
else:
    plan = Plan(
        exclusions=(Criterion("catch_accuracy", min=0.6),),
        reference="none",
        conditions=(
            ("none", "No pictures"),
            ("fourier", "Fourier"),
            ("maco", "MACO"),
            ("natural", "Natural images"),
        ),
    )
    data = from_frames(simulate(), plan=plan, name="simulated")
exclusions = apply_exclusions(data)
exclusions.criteria

# %%
test = data.trials[
    (data.trials["phase"] == "test") & data.trials["participant"].isin(exclusions.included)
]
order = data.plan.order([str(name) for name in test["condition"].unique()])
labels = {name: data.plan.label(name) for name in order}
found = visualization_study(
    test,
    cluster="participant",
    rng=np.random.default_rng(SEED),
    order=order,
    reference=data.plan.reference,
    labels=labels,
)
list(found.tables())

# %% [markdown]
# ## How often people were right
#
# `two_sem` is the published bar: two standard errors of participants' means.

# %%
found["accuracy_two_sem"].round(3).T

# %%
found.show("conditions")

# %% [markdown]
# Every kind of pictures against none, with people and units as samples.

# %%
found["against_reference"].round(4).T

# %%
found["sensitivity"].round(2)

# %% [markdown]
# ## Does confidence tell right from wrong?

# %%
found["confidence"].round(2)

# %%
found.show("calibration")

# %% [markdown]
# ## Which visualization is more plausible?
#
# Two visualizations of one concept side by side; the choices of all people on one scale.

# %%
rng = np.random.default_rng(SEED)
strength = {"fourier": 0.0, "maco": 1.0, "natural": 1.6}
rows = []
for person in range(30):
    for _ in range(10):
        one, two = (str(name) for name in rng.permutation(list(strength))[:2])
        first = rng.random() < expit(strength[one] - strength[two])
        rows.append((person, one, two, one if first else two))
pairs = pd.DataFrame(rows, columns=["participant", "first", "second", "response"])
scaled = plausibility(pairs, cluster="participant", rng=rng, reference="fourier", labels=labels)
scaled["plausibility"].round(3)

# %%
scaled.show("plausibility")
