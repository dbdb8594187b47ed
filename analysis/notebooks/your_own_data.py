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
# # Your own data: any table of answers, from any tool
#
# The statistics of this package take a tidy `pandas.DataFrame`: one row an answer. This notebook
# shows three ways in: a frame whose columns are mapped by hand, a file of jsPsych (Gorilla and
# PsyNet go the same way), and single functions on columns of any name. Set `LENS_ANSWERS` to a file
# of your own to read it in the second part.

# %%
# ruff: noqa: B018 (a cell shows its last expression)
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.accuracy import accuracy_by_condition
from analysis.columns import renamed
from analysis.dataset import from_frames
from analysis.figures import Shown, accuracy_figure
from analysis.output import write_analysis
from analysis.plan import Criterion, Plan
from analysis.readers import read_foreign
from analysis.results import analyze_dataset

SEED = 0

# %% [markdown]
# ## A frame of your own
#
# Say which of your columns names people, which says whether an answer was right, and if there are
# any, conditions and stimuli. Without stimuli (`item`) nothing can be said about other stimuli; the
# report says so.

# %%
rng = np.random.default_rng(SEED)
person, trial = (part.ravel() for part in np.indices((30, 24)))
own = pd.DataFrame(
    {
        "worker": [f"w{i:02d}" for i in person],
        "arm": np.where(person % 2 == 1, "with maps", "without maps"),
        "picture": [f"img{i:02d}.png" for i in (trial * 7 + person) % 40],
        "hit": (rng.random(person.size) < 0.65 + 0.15 * (person % 2)).astype(int),
        "seconds": rng.gamma(4, 0.6, person.size),
    }
)
own.head()

# %%
mapping = {"participant": "worker", "condition": "arm", "item": "picture", "correct": "hit"}
data = from_frames(
    own.assign(rt_ms=1000 * own["seconds"], n_options=2),
    columns=mapping,
    plan=Plan(reference="without maps", exclusions=(Criterion("median_rt_ms", min=300),)),
    name="my study",
)
found = analyze_dataset(data)
found.results["notes"]

# %%
found.tables()["differences"].round(3).T

# %% [markdown]
# The same report that `lens analyze` writes (here into a folder that is thrown away):

# %%
with tempfile.TemporaryDirectory() as folder:
    written = write_analysis(found, Path(folder) / "report")
    names = sorted(str(path.relative_to(written)) for path in written.rglob("*.*"))
pd.Series(names).head(12).to_frame("file")

# %% [markdown]
# ## A file of another tool
#
# The reader tells which tool wrote the file and what each column became: mapped by a known name,
# guessed from its values, or left. Correct it with `columns=`.

# %%
rows = [
    {
        "trial_type": "image-button-response",
        "trial_index": place,
        "time_elapsed": 3000 * place,
        "subject_id": f"s{who}",
        "task": "practice" if place < 2 else "main",
        "condition": "ab"[who % 2],
        "stimulus": f"{place % 12}.png",
        "rt": float(rng.gamma(4, 300)),
        "correct": bool(rng.random() < 0.7),
    }
    for who in range(14)
    for place in range(20)
]
if file := os.environ.get("LENS_ANSWERS"):
    foreign, columns = read_foreign(file)
else:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jspsych.json"
        path.write_text(json.dumps(rows), encoding="utf-8")
        foreign, columns = read_foreign(path)
columns.to_frame()

# %%
list(foreign.notes)

# %%
analyze_dataset(foreign).tables()["accuracy"].round(3).T

# %% [markdown]
# ## One function
#
# Each module answers one question. `cluster=` names the people and has no default: nobody is to
# forget that answers of one person hang together.

# %%
accuracy = accuracy_by_condition(
    renamed(own, mapping), cluster="participant", rng=np.random.default_rng(SEED)
)
accuracy.table[["condition", "accuracy", "low", "high", "deff"]].round(3)

# %%
arms = {name: name for name in accuracy.table["condition"]}
Shown(accuracy_figure(accuracy.participants, accuracy.table, arms))
