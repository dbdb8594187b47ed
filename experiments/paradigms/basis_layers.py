"""Local or distributed? Which basis people understand better, at which depth of a model.

The strong/weak task over two bases (directions of a dictionary, single units) and several layers.
The source's three experiments are fields of the design: plain (``queries = "any"``); semantics
controlled in the queries (``queries = "alike"``: of the candidates drawn, those two are asked about
that activate all other concepts of their class most alike, so that what is in the picture tells
less); with feature visualizations (``visualizations = "beside"``, or ``"instead"``).

Source: Colin, Goetschalckx, Fel, Boutin, Gopal, Serre and Oliver (2024), Local vs distributed
representations: What is the right basis for interpretability? Its task is that of Zimmermann et
al. (2023), NeurIPS. Two items a layer and person, the measure of likeness, and practice are ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from experiments.design import AnalysisPlan, Condition
from experiments.paradigms.two_afc import TwoAfc
from experiments.paradigms.two_afc_config import StrongWeakConfig, TwoAfcDesign
from experiments.paradigms.two_afc_template import Template, pool_of
from lens_core.atlas import LensError

if TYPE_CHECKING:
    from experiments.audit import Finding
    from experiments.study import Study

FORMULA = "correct ~ basis * layer"
"""Of the source; fitted with people and items as clusters."""


class BasisLayersDesign(TwoAfcDesign):
    """The strong/weak design, with the items of a person limited in each layer."""

    items_per_layer: int | None = Field(default=2, ge=1)

    @property
    def experiment(self) -> str:
        """Which of the source's experiments it is, as exported."""
        parts = ["semantics"] if self.queries == "alike" else []
        parts += ["visualizations"] if self.visualizations != "none" else []
        return "+".join(parts) or "plain"


class BasisLayersConfig(StrongWeakConfig):
    """``study.toml`` of a study of bases and layers."""

    paradigm: Literal["basis_layers"] = "basis_layers"
    design: BasisLayersDesign = BasisLayersDesign()


class BasisLayers(TwoAfc):
    """See the module."""

    name: ClassVar[str] = "basis_layers"
    title: ClassVar[str] = "Local or distributed"
    config_model: ClassVar[type[StrongWeakConfig]] = BasisLayersConfig
    design_model: ClassVar[type[TwoAfcDesign]] = BasisLayersDesign

    def plan(self, conditions: Sequence[Condition], templates: Sequence[Template]) -> AnalysisPlan:
        tests = [template for template in templates if template.use == "test"]
        bases = sorted({template.basis for template in tests})
        if len(bases) < 2:
            raise LensError(
                f"basis_layers compares two bases and there is {bases[0] or 'none'!r} alone: build "
                "the atlas with --basis concepts --basis units (and --layer several times), or "
                "fill the table's columns basis and layer"
            )
        plan = super().plan(conditions, templates)
        if len({template.layer for template in tests}) < 2:
            return plan
        return plan.model_copy(update={"formula": FORMULA})

    def own_columns(self, design: TwoAfcDesign, template: Template) -> Mapping[str, Any]:
        assert isinstance(design, BasisLayersDesign)
        return {
            "experiment": design.experiment,
            "query_similarity": template.query_similarity,
        }

    def audit(self, study: Study) -> list[Finding]:
        return super().audit(study) + _crossed(study) + _alike(study)


def _tests(study: Study) -> list[Template]:
    pool = pool_of(study)
    return [t for condition in study.conditions for t in pool.by_use[condition, "test"]]


def _crossed(study: Study) -> list[Finding]:
    """Every basis at every layer, by items of its own; else the two cannot be told apart."""
    from experiments.audit import Finding

    items: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for template in _tests(study):
        items[template.basis, template.layer].add(template.item)
    bases, layers = sorted({b for b, _ in items}), sorted({layer for _, layer in items})
    findings = []
    for basis in bases:
        for layer in layers:
            n = len(items[basis, layer]) if (basis, layer) in items else 0
            if n == 0:
                text = f"no item of {basis} at {layer}: basis and layer cannot be told apart"
                findings.append(Finding("error", "layers", text))
            elif n < 5:
                text = f"{n} items of {basis} at {layer} stand for all of them"
                findings.append(Finding("warning", "layers", text))
    if len(layers) < 2:
        text = "one layer only: bases are compared, not how they change with depth"
        findings.append(Finding("warning", "layers", text))
    return findings


def _alike(study: Study) -> list[Finding]:
    """How much the two queries have in common besides the item, by basis."""
    from experiments.audit import Finding

    by_basis: defaultdict[str, list[float]] = defaultdict(list)
    for template in _tests(study):
        if template.query_similarity is not None:
            by_basis[template.basis].append(template.query_similarity)
    told = [f"{sum(v) / len(v):.2f} for {basis}" for basis, v in sorted(by_basis.items())]
    if not told:
        return []
    text = f"cosine of the queries' other concepts: {', '.join(told)} on average"
    return [Finding("note", "semantics", text)]
