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
# # Are machines' drawings like ours, and where do people look?
#
# People name drawings of people and machines; drawings are described in a feature space by how
# recognizable, diverse and original they are (Boutin et al., NeurIPS 2022 and ICML 2023). Then
# click maps: which places make a category recognisable, and do people agree (Linsley et al., ICLR
# 2019)? Everything here is simulated, so that the truth is known.

# %%
# ruff: noqa: B018 (a cell shows its last expression)
import numpy as np
import pandas as pd

from analysis.click_maps import smooth
from analysis.drawings import describe_drawings
from analysis.programmes.click_maps import click_map_study
from analysis.programmes.drawings import drawing_study

SEED = 0
rng = np.random.default_rng(SEED)

# %% [markdown]
# ## Drawings in a feature space
#
# Twenty concepts, an exemplar of each, and ten drawings of each by ten people and by two machines.
# The first machine stays too near the exemplar, the second strays too far.

# %%
concepts = [f"concept{i:02d}" for i in range(20)]
exemplars = rng.normal(0, 1, (20, 16))
spread = {"human": 1.0, "timid": 0.6, "wild": 1.5}
drawn = pd.DataFrame(
    [
        (agent, name, f"{agent}{drawer}")
        for agent in spread
        for name in concepts
        for drawer in range(10)
    ],
    columns=["condition", "item", "participant"],
)
points = np.repeat(np.tile(exemplars, (3, 1)), 10, axis=0)
scale = drawn["condition"].map(spread).to_numpy()
features = points + rng.normal(0, 1, points.shape) * scale[:, None]
described = describe_drawings(
    drawn, features, exemplars, concepts, cluster="participant", human="human", rng=rng
)
described.table.round(3)

# %% [markdown]
# ## People name the drawings
#
# Each sees forty drawings and chooses among twenty names.

# %%
rows = []
for person in range(24):
    skill = rng.normal(0, 0.05)
    for place in rng.permutation(len(drawn))[:40]:
        agent, name = drawn.loc[place, "condition"], drawn.loc[place, "item"]
        p = {"human": 0.85, "timid": 0.93, "wild": 0.5}[agent] + skill
        right = int(rng.random() < p)
        rows.append((f"p{person:02d}", agent, name, 20, right))
answers = pd.DataFrame(rows, columns=["participant", "condition", "item", "n_options", "correct"])
labels = {"human": "People", "timid": "Machine A", "wild": "Machine B"}
found = drawing_study(
    answers,
    cluster="participant",
    rng=rng,
    order=list(labels),
    reference="human",
    labels=labels,
    described=described,
)
found["recognition"].round(3).T

# %%
found["agents"].round(4).T

# %%
found.show("recognition")

# %% [markdown]
# The plane of the paper: recognizable against original. The distance from people is made after
# z-scoring both axes; its interval resamples the drawers.

# %%
found["feature_space"].round(3)

# %%
found.show("feature_space")

# %%
found["generalization"].round(3).head(10)

# %% [markdown]
# ## Click maps
#
# Eight people click what makes six images recognisable; clicks are smoothed before they are
# compared. A model looks at the same places on half of the images only.

# %%
size, people = 56, 8
raw, clickers, model = [], [], {}
for image in range(6):
    centre = rng.uniform(14, size - 14, 2)
    for person in range(people):
        clicks = np.clip(rng.normal(centre, 5, (15, 2)).round().astype(int), 0, size - 1)
        one = np.zeros((size, size))
        np.add.at(one, (clicks[:, 0], clicks[:, 1]), 1)
        raw.append(one)
        clickers.append((f"p{person}", f"image{image}"))
    looked = centre if image % 2 else rng.uniform(14, size - 14, 2)
    y, x = np.mgrid[:size, :size]
    model[f"image{image}"] = np.exp(-((y - looked[0]) ** 2 + (x - looked[1]) ** 2) / 60)
maps = smooth(np.array(raw), sigma_px=3)
clicked = pd.DataFrame(clickers, columns=["participant", "image"])
places = click_map_study(
    maps, clicked, cluster="participant", image="image", rng=rng, models={"a model": model}
)
places["reliability"].round(3).T

# %%
places["similarity"].round(3).T

# %%
places.show("click_maps")
