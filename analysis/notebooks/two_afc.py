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
# # Strong or weak? A two-alternative study from answers to figure
#
# People saw pictures that strongly and weakly activate a concept and chose which of two new
# pictures belongs to the strong ones. This notebook goes from the answers to the statistics and
# the figure, first on simulated people so that the truth is known. Set `LENS_DATASET` to the folder
# of an export to use your own data instead.

# %%
# ruff: noqa: B018 (a cell shows its last expression)
import os

import numpy as np
import pandas as pd
from scipy.special import expit

from analysis.accuracy import accuracy_by_condition
from analysis.dataset import from_frames, read_dataset
from analysis.differences import compare_conditions
from analysis.exclusions import apply_exclusions
from analysis.figures import Shown, accuracy_figure, psychometric_figure
from analysis.plan import Criterion, Plan
from analysis.psychometric import fit_psychometric
from analysis.response_times import response_times

SEED = 0

# %% [markdown]
# ## Answers
#
# Forty simulated people, half of them asked about directions of a dictionary (*concepts*), half
# about single *units*; 24 test trials and 5 catch trials each. A right answer depends on the gap
# between the two pictures, on the person, on the item, and a little on the condition.


# %%
def simulate(people: int = 40, items: int = 30, trials: int = 24) -> pd.DataFrame:
    """Answers as the experiment server exports them, with the columns that are used here."""
    rng = np.random.default_rng(SEED)
    item_effect = rng.normal(0, 0.4, 2 * items)
    rows = []
    for person in range(people):
        second = person % 2
        skill = rng.normal(0, 0.5)
        asleep = rng.random() < 0.08
        for trial in range(trials + 5):
            catch = trial >= trials
            item = rng.integers(items) + items * second
            gap = rng.uniform(0.3, 4.5)
            logit = 1.1 * (gap - 1.2) + skill + item_effect[item] - 0.7 * second
            right = 0.98 if catch else 0.5 + 0.48 * expit(logit)
            rows.append(
                {
                    "participant": f"p{person:02d}",
                    "condition": ("concepts", "units")[second],
                    "phase": "catch" if catch else "test",
                    "trial": trial,
                    "item": f"i{item}",
                    "n_options": 2,
                    "correct": int(rng.random() < (0.5 if asleep else right)),
                    "rt_ms": float(np.exp(rng.normal(7.8 - 0.1 * gap, 0.4))),
                    "strength_gap": gap,
                }
            )
    return pd.DataFrame(rows)


if folder := os.environ.get("LENS_DATASET"):
    data = read_dataset(folder)
else:
    plan = Plan(exclusions=(Criterion("catch_accuracy", min=0.8),), reference="units")
    data = from_frames(simulate(), plan=plan, name="simulated")
data.trials.head()

# %% [markdown]
# ## Who counts
#
# Criteria are applied in order to everybody; the first that is not met is the reason.

# %%
exclusions = apply_exclusions(data)
exclusions.criteria

# %%
exclusions.flow

# %%
test = data.trials[
    (data.trials["phase"] == "test")
    & data.trials["correct"].notna()
    & data.trials["participant"].isin(exclusions.included)
]
order = data.plan.order(list(test["condition"].unique()))
labels = {name: data.plan.label(name) for name in order}

# %% [markdown]
# ## How often people were right
#
# The unit is the person: answers of one person are not independent. `new_stimuli_low` and `…_high`
# are the interval that holds for other stimuli, too.

# %%
accuracy = accuracy_by_condition(
    test, cluster="participant", rng=np.random.default_rng(SEED), order=order
)
accuracy.table.round(3).T

# %% [markdown]
# ## Do concepts differ from units?
#
# The first row treats people and stimuli as samples: it is the one to report. The others hold for
# these stimuli only.

# %%
differences = compare_conditions(
    test,
    cluster="participant",
    rng=np.random.default_rng(SEED),
    order=order,
    reference=data.plan.reference,
)
differences.table.round(3).T

# %%
figure = accuracy_figure(accuracy.participants, accuracy.table, labels)
Shown(figure)

# %% [markdown]
# ## How strong must the difference between the pictures be?

# %%
function = fit_psychometric(
    test["strength_gap"],
    test["correct"],
    cluster=test["participant"],
    condition=test["condition"],
    guess=0.5,
)
function.table.round(3)

# %%
Shown(psychometric_figure(test, function, labels))

# %% [markdown]
# ## How long answers took

# %%
response_times(test, cluster="participant", order=order).table.round(0)
