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
# # Local or distributed: which basis do people understand, and at which depth?
#
# Pictures that strongly and weakly activate a dimension of a layer, and two new ones: which of them
# activates it more? The dimension is a single unit or a direction of a dictionary, in layers from
# shallow to deep (Colin et al., 2024). Simulated people; `LENS_DATASET` takes an export instead.

# %%
# ruff: noqa: B018 (a cell shows its last expression)
import os

import numpy as np
import pandas as pd
from scipy.special import expit

from analysis.dataset import from_frames, read_dataset
from analysis.exclusions import apply_exclusions
from analysis.plan import Criterion, Plan
from analysis.programmes.basis_layers import ablation_drop, basis_by_layer

SEED = 0

# %% [markdown]
# ## Answers
#
# Everybody meets both bases and five layers. Directions are easier by .6 logits at middle depth,
# and their lead grows with depth.


# %%
def simulate(people: int = 36, trials: int = 40) -> pd.DataFrame:
    """Answers as the experiment server exports them, with the columns that are used here."""
    rng = np.random.default_rng(SEED)
    item_effect = rng.normal(0, 0.4, 100)
    rows = []
    for person in range(people):
        skill, lead = rng.normal(0, 0.5), rng.normal(0, 0.3)
        for trial in range(trials + 5):
            catch = trial >= trials
            directions, layer = trial % 2, int(rng.integers(5))
            item = int(rng.integers(10)) + 10 * layer + 50 * directions
            side, depth = directions - 0.5, layer / 4 - 0.5
            logit = 0.9 + (0.6 + lead) * side + 0.4 * depth + 0.9 * side * depth
            right = 0.97 if catch else expit(logit + skill + item_effect[item])
            rows.append(
                {
                    "participant": f"p{person:02d}",
                    "condition": ("units", "concepts")[directions],
                    "basis": ("units", "concepts")[directions],
                    "layer": f"layer{layer + 1}",
                    "item": f"item{item:02d}",
                    "phase": "catch" if catch else "test",
                    "trial": trial,
                    "n_options": 2,
                    "correct": int(rng.random() < right),
                }
            )
    return pd.DataFrame(rows)


if folder := os.environ.get("LENS_DATASET"):
    data = read_dataset(folder)
else:
    plan = Plan(
        exclusions=(Criterion("catch_accuracy", min=0.8),),
        reference="units",
        conditions=(("units", "Single units"), ("concepts", "Dictionary directions")),
    )
    data = from_frames(simulate(), plan=plan, name="simulated")
exclusions = apply_exclusions(data)
exclusions.criteria

# %%
test = data.trials[
    (data.trials["phase"] == "test") & data.trials["participant"].isin(exclusions.included)
]
found = basis_by_layer(
    test,
    cluster="participant",
    rng=np.random.default_rng(SEED),
    reference="units",
    labels={name: data.plan.label(name) for name in ("units", "concepts")},
)
list(found.tables())

# %% [markdown]
# ## Accuracy by basis and layer

# %%
found["cells"].round(3)

# %%
found.show("basis_layers")

# %% [markdown]
# ## Does the basis matter, and does it change with depth?
#
# Bases are coded −½ and +½ and depth from −½ to +½: the effect of basis is the difference at middle
# depth. People and items are samples here.

# %%
found["coefficients"].round(3)

# %% [markdown]
# ## Which model?
#
# The published comparison pools the answers. Beside it the same models with people and items as
# crossed random effects, and slopes by participant for what each person met several of. Compare
# models of the same kind only; within 2 of the best, a model is about as good.

# %%
found["models"].round(2)

# %% [markdown]
# ## Is a basis that people understand also one that the model uses?
#
# The companion measurement: take out the top unit, or the top direction, and see how much the
# decision drops. These numbers are made up; `lens_core` measures them.

# %%
rng = np.random.default_rng(SEED)
scores = pd.DataFrame(
    {"basis": np.repeat(["units", "concepts"], 60), "layer": np.tile(["layer3", "layer5"], 60)}
)
scores["before"] = rng.normal(8, 1, 120)
scores["after"] = scores["before"] - rng.gamma(2, np.where(scores["basis"] == "units", 0.3, 0.8))
ablation_drop(scores).round(2)
