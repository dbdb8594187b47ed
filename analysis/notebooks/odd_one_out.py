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
# # Which one breaks the rule? Odd one out, from blocks to AUC and SES
#
# Four pictures follow a rule but for one; 21 people met six of 45 rules each (Zerroug et al.,
# NeurIPS 2022). Set `LENS_CVR_HUMAN` to the folder with that study's published `human_data.csv`
# to see its people (78.7 % averaged by rule, 26 of 45 rules at 80 % or above); without it, people
# are simulated.

# %%

import os
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.columns import renamed
from analysis.odd_one_out import SAMPLES, area_under_curve, sample_efficiency
from analysis.programmes.odd_one_out import odd_one_out_study

SEED = 0
ELEMENTARY = {"shape", "pos", "size", "color", "rot", "flip", "count", "inside", "contact"}

# %% [markdown]
# ## Answers
#
# The published file has one row a block, with its accuracy; our functions take answers or blocks,
# and the file's names are mapped to ours.


# %%
def published(folder: str) -> pd.DataFrame:
    """Blocks of CVR's people, with the rule's kind."""
    blocks = renamed(
        pd.read_csv(Path(folder) / "human_data.csv"),
        {"participant": "worker_id", "item": "task_name", "correct": "accuracy"}
        | {"confidence": "confidence_average"},
    )
    rule = blocks["item"].str.removeprefix("task_")
    kind = np.where(rule.isin(ELEMENTARY), "elementary", "composite")
    return blocks.assign(item=rule, kind=kind, n_options=4)


def simulate(people: int = 21, rules: int = 15) -> pd.DataFrame:
    """Answers: six rules a person, twenty trials a rule, some learning within a rule."""
    rng = np.random.default_rng(SEED)
    ease = rng.normal(0.75, 0.15, rules)
    rows = []
    for person in range(people):
        skill = rng.normal(0, 0.06)
        for rule in rng.permutation(rules)[:6]:
            for trial in range(20):
                p = np.clip(ease[rule] + skill + 0.012 * (trial - 10), 0.25, 0.99)
                right = int(rng.random() < p)
                rows.append(
                    {
                        "participant": f"p{person:02d}",
                        "item": f"rule{rule:02d}",
                        "kind": "elementary" if rule < 5 else "composite",
                        "n_options": 4,
                        "trial": trial,
                        "correct": right,
                        "confidence": float(np.clip(rng.normal(55 + 20 * right, 12), 0, 100)),
                    }
                )
    return pd.DataFrame(rows)


folder = os.environ.get("LENS_CVR_HUMAN")
trials = published(folder) if folder else simulate()
trials.head()

# %% [markdown]
# ## People
#
# The mean is over rules. Averaging rows instead weighs rules by how many people met them, and gives
# another figure (83.7 % in the published data): it stands beside, by name.

# %%
learners = pd.DataFrame(
    {
        "condition": np.repeat(["a network from scratch", "a pretrained network"], len(SAMPLES)),
        "item": "all rules",
        "n_samples": list(SAMPLES) * 2,
        "correct": [0.27, 0.28, 0.30, 0.34, 0.43, 0.56, 0.30, 0.33, 0.38, 0.45, 0.57, 0.69],
    }
)
found = odd_one_out_study(
    trials, cluster="participant", rng=np.random.default_rng(SEED), learners=learners
)
found["overall"].round(3)

# %%
found["tasks"].round(3)

# %%
found.show("tasks")

# %% [markdown]
# ## Are people surer when they are right?

# %%
found["confidence"].round(1) if "confidence" in found.tables() else found["overall"]

# %% [markdown]
# ## How many examples does a learner need?
#
# AUC is the mean accuracy over numbers of training examples; SES counts early success more. The two
# learners here are made up.

# %%
found["learners"].round(3)

# %%
curve = [0.25, 0.25, 0.3, 0.5, 0.8, 0.95]
pd.Series({"AUC": area_under_curve(curve), "SES": sample_efficiency(curve)}).astype(float).round(3)
