"""Similar concepts of other classes: the same as by comparing every pair, and read once."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from lens_core.atlas import AtlasClass, DictionaryInfo
from lens_core.building import similar
from lens_core.building.similar import AT_LEAST, AT_MOST, similar_concepts

R, D, IDS = 12, 6, (3, 4, 11, 20, 21, 300)


class World:
    """Classes with known directions, and how often each was read."""

    def __init__(self, one_hot: bool = False) -> None:
        rng = np.random.default_rng(0)
        self.rows: dict[int, Any] = {}
        for class_id in IDS:
            rows = np.abs(rng.normal(size=(R, D))).astype(np.float32)
            if one_hot:
                rows = np.eye(D, dtype=np.float32)[rng.integers(0, D, R)]
            rows[5] = 0  # a concept that died
            self.rows[class_id] = rows
        self.read: Counter[int] = Counter()

    def load(self, class_id: int) -> AtlasClass:
        def array(name: str) -> Any:
            assert name == "concepts/dictionary"
            self.read[class_id] += 1
            return self.rows[class_id]

        # In order of importance, as in a class's own file, not of rows.
        order = np.random.default_rng(class_id).permutation(R)
        concepts = [
            SimpleNamespace(id=f"concepts-{i}", index=int(i), dictionary="concepts") for i in order
        ]
        info = SimpleNamespace(id=class_id, concepts=concepts)
        return cast(AtlasClass, SimpleNamespace(info=info, array=array))

    def by_hand(self) -> pd.DataFrame:
        found = []
        for here in IDS:
            for i, a in enumerate(self.rows[here]):
                others = []
                for there in IDS:
                    for j, b in enumerate(self.rows[there]):
                        lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
                        cosine = float(a @ b) / lengths if lengths else 0.0
                        if there != here and cosine >= AT_LEAST:
                            others.append((here, f"concepts-{i}", there, f"concepts-{j}", cosine))
                others.sort(key=lambda row: (-round(row[4], 6), row[2], row[3]))
                found += others[:AT_MOST]
        found.sort(key=lambda row: (-round(row[4], 6), *row[:4]))
        return pd.DataFrame(found, columns=list(similar.COLUMNS))


DICTIONARY = DictionaryInfo(
    id="concepts", layer="l", n_concepts=R, importance="", n_channels=D, map_shape=(1, 1)
)


@pytest.mark.parametrize("one_hot", [False, True], ids=["directions", "units"])
@pytest.mark.parametrize(("block_classes", "tile"), [(100, 512), (100, 5), (2, 5), (1, 512)])
def test_it_is_what_comparing_every_pair_gives(
    one_hot: bool, block_classes: int, tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similar, "_BLOCK_BYTES", block_classes * R * D * 4)
    monkeypatch.setattr(similar, "_TILE_ROWS", tile)
    world = World(one_hot)
    found = similar_concepts(world.load, IDS[::-1], [DICTIONARY])
    expected = world.by_hand()
    keys = list(similar.COLUMNS[:4])
    assert np.allclose(found["cosine"], expected["cosine"], atol=1e-6)
    if one_hot:  # all are equally similar: the order must not depend on blocks
        assert found[keys].equals(expected[keys])
    assert sorted(map(tuple, found[keys].to_numpy())) == sorted(
        map(tuple, expected[keys].to_numpy())
    )
    if block_classes >= len(IDS):
        assert set(world.read.values()) == {1}


def test_nothing_to_compare_gives_an_empty_table() -> None:
    world = World()
    assert similar_concepts(world.load, IDS[:1], [DICTIONARY]).empty
    assert list(similar_concepts(world.load, IDS, []).columns) == list(similar.COLUMNS)
