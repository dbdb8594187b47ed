"""A made-up task with every kind of answer, which also shows how little a new paradigm takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import pandas as pd
from PIL import Image

from experiments.design import Condition, Consent, Practice, Session, Source, StudyConfig
from experiments.paradigms.asking import Ask
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.choice import ChoiceDesign, ChoiceTask
from experiments.paradigms.choice_template import ChoiceTemplate, Option, Panel, choice_pool
from experiments.paradigms.files import Defaults, design_from, plan_for, write_study
from experiments.paradigms.ordering import Block, placed
from experiments.schedule import generator
from experiments.stimuli import Cut, StimulusNames
from experiments.study import Study
from lens_core.atlas import Track, no_track

WORDS = ("leaf blade", "midrib", "stem", "stem base")
ASKS = {
    "exhibit": Ask("continue", min_view_ms=1500, button="I have seen it"),
    "word": Ask(),
    "rating": Ask("rating", points=5, low="not at all", high="very much"),
    "text": Ask("text", words=("a leg", "a wing"), hint="one or two words"),
    "vocabulary": Ask("vocabulary", words=WORDS, own_words=False),
}


class VarietyConfig(StudyConfig):
    """``study.toml`` of it."""

    paradigm: Literal["variety"] = "variety"
    design: ChoiceDesign = ChoiceDesign()


class Variety(ChoiceTask):
    """An exhibit, then one trial of each kind; the ratings come in a second session."""

    name: ClassVar[str] = "variety"
    title: ClassVar[str] = "Every kind of answer"
    config_model = VarietyConfig
    option_order = "participant"

    def ask(self, study: Study, template: ChoiceTemplate) -> Ask:
        return ASKS[template.item]

    def blocks(self, study: Study, cell: str, seed: int) -> Sequence[Block]:
        pool, rng = choice_pool(study), generator(seed, "trials")
        shown = placed(pool.by_use[cell, "training"], "training", rng)
        asked = placed(pool.by_use[cell, "test"], "test", rng)
        return [Block((*shown, *asked[:2])), Block(tuple(asked[2:]), session=2)]

    def build(self, request: BuildRequest, track: Track = no_track) -> Study:
        design = design_from(request, ChoiceDesign)
        names = StimulusNames(request.seed)
        tiles = [names.name(Cut(tile(request.out.parent, n))) for n in range(9)]
        panels = (Panel("Examples", tuple(tiles[:4]), folded=True), Panel("A", tuple(tiles[4:8])))
        words = tuple(Option(word, label=word) for word in ("husky", "wolf"))
        templates = [
            ChoiceTemplate(
                template=item,
                condition="all",
                use="training" if item == "exhibit" else "test",
                item=item,
                options=words if item == "word" else (),
                panels=panels,
                query=tiles[8],
                caption="The model says: husky" if item == "exhibit" else "",
            )
            for item in ASKS
        ]
        key = dict.fromkeys(ASKS, "") | {"word": "wolf"}
        conditions = [Condition(name="all")]
        defaults = Defaults(
            Consent(markdown="Fine?"),
            (),
            (),
            practice=Practice(),
            session=Session(
                confidence_scale="percent", start_delay_ms=0, feedback_ms=0, full_screen=False
            ),
        )
        return write_study(
            request, VarietyConfig, design, Source(kind="table"), conditions, defaults,
            plan_for(conditions), templates, key, names, pd.DataFrame({"stimulus": tiles}),
        )  # fmt: skip


def tile(folder: Path, number: int) -> Path:
    """A picture in a colour of its own."""
    file = folder / f"tile{number}.png"
    Image.new("RGB", (48, 48), (25 * number, 120, 255 - 25 * number)).save(file)
    return file
