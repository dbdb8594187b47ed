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
# # Can people predict the model? From answers to Utility
#
# People see images with a model's predictions, with or without an explanation, and then have to
# predict the model on new images (Colin et al., NeurIPS 2022). This notebook goes from the answers
# to the published statistics and figure, on simulated people so that the truth is known. Set
# `LENS_DATASET` to the folder of an export to use your own data.

# %%
# ruff: noqa: B018 (a cell shows its last expression)
import os

import numpy as np
import pandas as pd

from analysis.dataset import from_frames, read_dataset
from analysis.exclusions import apply_exclusions
from analysis.plan import Criterion, Plan
from analysis.programmes.meta_predictor import meta_predictor
from analysis.utility import utility_of_means

SEED = 0

# %% [markdown]
# ## Answers
#
# Three sessions of seven test images and one catch trial. Without an explanation people start at
# 58 %; a control map does not help; Grad-CAM and Occlusion do. Some people do not attend.


# %%
def simulate(people: int = 30) -> pd.DataFrame:
    """Answers as the experiment server exports them, with the columns that are used here."""
    rng = np.random.default_rng(SEED)
    gain = {"baseline": 0.0, "control": 0.0, "saliency": 0.06, "occlusion": 0.13, "gradcam": 0.2}
    image = dict(zip(range(21), rng.normal(0, 0.06, 21), strict=True))
    rows = []
    for condition, more in gain.items():
        for person in range(people):
            skill, asleep = rng.normal(0, 0.1), rng.random() < 0.06
            for session in (1, 2, 3):
                for place in range(8):
                    catch = place == 7
                    item = (session - 1) * 7 + place if not catch else 0
                    p = 0.98 if catch else 0.58 + 0.04 * (session - 1) + more + skill + image[item]
                    rows.append(
                        {
                            "participant": f"{condition}{person:02d}",
                            "condition": condition,
                            "session": session,
                            "phase": "catch" if catch else "test",
                            "item": f"image{item:02d}",
                            "n_options": 2,
                            "model_correct": item % 2,
                            "correct": int(rng.random() < (0.5 if asleep else p)),
                        }
                    )
    return pd.DataFrame(rows)


if folder := os.environ.get("LENS_DATASET"):
    data = read_dataset(folder)
else:
    plan = Plan(
        exclusions=(Criterion("catch_accuracy", min=0.6),),
        reference="baseline",
        conditions=(
            ("baseline", "No explanation"),
            ("control", "Control map"),
            ("saliency", "Saliency"),
            ("occlusion", "Occlusion"),
            ("gradcam", "Grad-CAM"),
        ),
    )
    data = from_frames(simulate(), plan=plan, name="simulated")
data.trials.head()

# %% [markdown]
# ## Who counts

# %%
exclusions = apply_exclusions(data)
exclusions.criteria

# %%
test = data.trials[
    (data.trials["phase"] == "test") & data.trials["participant"].isin(exclusions.included)
]
order = data.plan.order([str(name) for name in test["condition"].unique()])
labels = {name: data.plan.label(name) for name in order}

# %% [markdown]
# ## The analysis
#
# One call gives all tables. To hold Utility against machine-made scores of the explanation methods,
# give them as a table with one row a condition; these here are made up.

# %%
measures = pd.DataFrame(
    {"condition": ["control", "saliency", "occlusion", "gradcam"]}
    | {"faithfulness": [0.02, 0.31, 0.36, 0.22], "complexity": [0.9, 0.8, 0.5, 0.3]}
)
found = meta_predictor(
    test,
    cluster="participant",
    rng=np.random.default_rng(SEED),
    order=order,
    reference=data.plan.reference,
    labels=labels,
    measures=measures,
)
list(found.tables())

# %% [markdown]
# Accuracy in each session, and Utility-K. The row *all* is the published scalar: the ratio of
# session-mean accuracies. Its interval resamples the people of both groups.

# %%
found["sessions"].round(3)

# %%
found["utility"].round(3)

# %% [markdown]
# The published tests. They treat the images as fixed: *these images only*. η² is the share of the
# variance between participants' means.

# %%
found["anova"].round(4)

# %%
found["tukey"].round(4)

# %% [markdown]
# The same question with images as a sample, too: this is the test to report as confirmatory.

# %%
found["new_images"].round(4)

# %% [markdown]
# Does people's accuracy come from understanding, or from naming the object?

# %%
found["model_right"].round(3)

# %%
found["relations"].round(3)

# %% [markdown]
# ## The figures

# %%
found.show("sessions")

# %%
found.show("utility")

# %% [markdown]
# ## Arithmetic of the published table
#
# Table 1 of the paper, husky against wolf: accuracies in three sessions, and the Utility that
# follows. Published are 0.95 for the control and 1.34 for Grad-CAM.

# %%
baseline = [55.7, 66.2, 62.9]
published = {"control": [53.3, 61.0, 61.4], "gradcam": [77.6, 85.7, 84.1]}
pd.Series({name: utility_of_means(rows, baseline).item() for name, rows in published.items()})
