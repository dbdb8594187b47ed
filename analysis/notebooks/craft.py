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
# # Are concepts meaningful, and sub-concepts more so? CRAFT's two tasks
#
# *Intruder*: five crops of one concept and one of another; which does not belong? *Binary choice*:
# a crop and two clusters, the sub-concept and its parent; which fits better? (Fel et al., CVPR
# 2023.) Simulated people here, so that the truth is known; `LENS_DATASET` takes an export instead.

# %%
# ruff: noqa: B018 (a cell shows its last expression)
import os

import numpy as np
import pandas as pd
from scipy.special import expit

from analysis.dataset import from_frames, read_dataset
from analysis.exclusions import apply_exclusions
from analysis.plan import Criterion, Plan
from analysis.programmes.craft import binary_choice, intruder, odds_of_choice

SEED = 0

# %% [markdown]
# ## Answers
#
# Twelve trials a task, 36 experts and 37 laymen. Intruders are easier to find among sub-concepts by
# .3 logits; the sub-concept is preferred with odds of three.


# %%
def simulate() -> pd.DataFrame:
    """Answers of both tasks, told apart by the column ``task``."""
    rng = np.random.default_rng(SEED)
    concept = rng.normal(0, 0.4, 50)
    rows = []
    for person in range(73):
        expert, skill = person < 36, rng.normal(0, 0.5)
        for trial in range(26):
            task = ("intruder", "binary_choice")[trial % 2]
            sub = rng.random() < 0.5
            item = int(rng.integers(25)) + 25 * int(sub)
            logit = 0.5 + 0.4 * expert + 0.3 * sub if task == "intruder" else 1.1
            catch = trial >= 24
            right = 0.97 if catch else expit(logit + skill + concept[item])
            rows.append(
                {
                    "participant": f"p{person:02d}",
                    "group": "experts" if expert else "laymen",
                    "task": task,
                    "phase": "catch" if catch else "test",
                    "condition": "subconcept" if sub or task == "binary_choice" else "concept",
                    "item": f"concept{item:02d}",
                    "n_options": 6 if task == "intruder" else 2,
                    "trial": trial,
                    "correct": int(rng.random() < right),
                }
            )
    return pd.DataFrame(rows)


if folder := os.environ.get("LENS_DATASET"):
    data = read_dataset(folder)
else:
    plan = Plan(
        exclusions=(Criterion("catch_accuracy", min=0.5),),
        conditions=(("concept", "Concept"), ("subconcept", "Sub-concept")),
    )
    data = from_frames(simulate(), plan=plan, name="simulated")
exclusions = apply_exclusions(data)
exclusions.flow

# %%
test = data.trials[
    (data.trials["phase"] == "test") & data.trials["participant"].isin(exclusions.included)
]
task = test["task"] if "task" in test else pd.Series(data.paradigm, index=test.index)
group = "group" if "group" in test else None
labels = {name: data.plan.label(name) for name in ("concept", "subconcept")}

# %% [markdown]
# ## The intruder
#
# Chance is one over the number of crops shown.

# %%
found = intruder(
    test[task == "intruder"],
    cluster="participant",
    rng=np.random.default_rng(SEED),
    labels=labels,
    group=group,
)
found["intruder"].round(3).T

# %% [markdown]
# The same crops would not be shown again: the first row of each group treats concepts as a sample.

# %%
found["intruder_differences"].round(4)

# %%
found.show("intruder")

# %% [markdown]
# ## The binary choice
#
# Odds of choosing the sub-concept. `published_…` is the interval as the paper makes it, from all
# answers pooled; the other counts people and crops as samples.

# %%
choice = binary_choice(
    test[task == "binary_choice"],
    cluster="participant",
    rng=np.random.default_rng(SEED),
    group=group,
)
choice["binary_choice"].round(3).T

# %%
choice.show("binary_choice")

# %% [markdown]
# ## Arithmetic of the published table
#
# The sub-concept was chosen in 76.1 % (experts) and 74.95 % (laymen) of the trials. The odds that
# follow are 3.18 and 2.99; the paper prints 3.53 for the experts, which its own percentage
# contradicts.

# %%
published = {"experts": (0.761, 36 * 12), "laymen": (0.7495, 37 * 12)}
pd.DataFrame({name: odds_of_choice(p * n, n) for name, (p, n) in published.items()}).round(3)
