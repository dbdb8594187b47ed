"""The forms of a draft: what to ask about, and the numbers of its design."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from werkzeug.datastructures import MultiDict

from experiments.paradigms import PARADIGMS, get_paradigm
from lens_core.atlas import LensError
from webapp.clock import iso, utc_now
from webapp.drafts.store import Asked
from webapp.explorer.book import AtlasBook
from webapp.explorer.search import search_classes

from .pages import field

LISTED_CLASSES = 60
"""Up to so many classes are all listed; of more, those that were chosen."""
SHOWN_CLASSES = 8
"""Classes whose concepts are shown, to be picked by hand."""
ENOUGH_ITEMS = 12
"""The preset draws at least so many concepts over all chosen classes."""
FIRST = (
    "n_trials", "n_catch", "n_references", "templates_per_item", "n_sessions", "n_blocks",
    "n_practice_obvious", "n_training", "n_options",
)  # fmt: skip
"""Numbers of a design that people change most."""


@dataclass(frozen=True)
class NumberField:
    """One field of a design in a form."""

    name: str
    label: str
    unit: str
    value: str
    default: str
    choices: tuple[str, ...]
    first: bool


def preset_per_class(n_classes: int) -> int:
    """Concepts of each class that make enough items together."""
    return max(1, min(10, math.ceil(ENOUGH_ITEMS / max(1, n_classes))))


def fresh_seed() -> int:
    """A seed that nobody chose."""
    return secrets.randbelow(10**6)


def asked_from(form: MultiDict[str, str], book: AtlasBook, *, by: str) -> Asked:
    """What a form asks for.

    Raises
    ------
    LensError
        If a field cannot be used.
    """
    classes: tuple[int, ...] = ()
    if form.get("which") == "some" and form.get("how") != "hand":
        classes = _classes(form, book)
        if not classes:
            raise LensError("choose at least one class, or all of them")
    how = form.get("how", "sample")
    concepts = tuple(form.getlist("concept")) if how == "hand" else ()
    if how == "hand" and not concepts:
        raise LensError("pick at least one concept, or let them be drawn")
    title = " ".join(form.get("title", "").split())
    try:
        return Asked(
            name=form.get("name", "").strip() or _name(title),
            title=title or form.get("name", "").strip(),
            paradigm=form.get("paradigm", ""),
            atlas=book.slug,
            atlas_dir=str(book.atlas.root.resolve()),
            seed=int(form.get("seed", "").strip() or fresh_seed()),
            classes=classes,
            concepts=concepts,
            per_class=_per_class(form, how),
            by=by,
            at=iso(utc_now()) or "",
        )
    except ValidationError as error:
        raise LensError(_first(error)) from error
    except ValueError:
        raise LensError(f"seed: {form.get('seed')!r} is no whole number") from None


def _per_class(form: MultiDict[str, str], how: str) -> int | None:
    if how != "sample":
        return None
    try:
        return int(form.get("per_class", ""))
    except ValueError:
        raise LensError("concepts of each class: give a whole number") from None


def _classes(form: MultiDict[str, str], book: AtlasBook) -> tuple[int, ...]:
    """Those ticked, and those named in the line below."""
    chosen = [int(value) for value in form.getlist("class") if value.isdigit()]
    for word in re.split(r"[,;\n]", form.get("more", "")):
        if word.strip():
            found = search_classes(book.atlas.classes, word)
            if not found:
                raise LensError(f"no class of this atlas is called {word.strip()!r}")
            chosen.append(found[0].id)
    return tuple(dict.fromkeys(chosen))


def _name(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:64]


def _first(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    if where == "name":
        return "name: use a to z, 0 to 9 and -, at most 64"
    return f"{field(where, '')[0]}: {fault['msg']}"


def design_model(paradigm: str) -> type[BaseModel]:
    """The class of a paradigm's design."""
    annotation = get_paradigm(paradigm).config_model.model_fields["design"].annotation
    assert isinstance(annotation, type)
    assert issubclass(annotation, BaseModel)
    return annotation


def number_fields(asked: Asked) -> tuple[NumberField, ...]:
    """The numbers and choices of a design, those that people change most first."""
    found = []
    for name, info in design_model(asked.paradigm).model_fields.items():
        choices = _choices(info)
        if choices is None:
            continue
        default = _text(info.get_default(call_default_factory=True))
        label, unit = field(name, " ")
        found.append(
            NumberField(
                name=name,
                label=label,
                unit=unit.strip(),
                value=_text(asked.design.get(name, info.default)),
                default=default,
                choices=choices,
                first=name in FIRST,
            )
        )
    return tuple(sorted(found, key=lambda one: (not one.first, _place(one.name))))


def _place(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)


def _choices(info: FieldInfo) -> tuple[str, ...] | None:
    """Empty for a number; the words of a choice; None for what has no place in a small form."""
    annotation = info.annotation
    parts = get_args(annotation) if get_origin(annotation) is not Literal else (annotation,)
    kinds = [part for part in (parts or (annotation,)) if part is not type(None)]
    if len(kinds) != 1:
        return None
    if get_origin(kinds[0]) is Literal:
        return tuple(str(word) for word in get_args(kinds[0]))
    if kinds[0] is bool:
        return ("yes", "no")
    return () if kinds[0] in (int, float) else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def changed_from(form: Mapping[str, str], asked: Asked) -> Asked:
    """A draft with the numbers of a form.

    Raises
    ------
    LensError
        If one cannot be used.
    """
    fields = {one.name: one for one in number_fields(asked)}
    given: dict[str, Any] = dict(asked.design)
    for name, one in fields.items():
        text = form.get(f"design.{name}", one.value).strip()
        given.pop(name, None)
        if text not in (one.default, ""):
            given[name] = text == "yes" if one.choices == ("yes", "no") else text
    try:
        design = design_model(asked.paradigm).model_validate(given)
        kept = {name: design.model_dump(mode="json")[name] for name in given}
        return Asked.model_validate(
            asked.model_dump()
            | {
                "design": kept,
                "title": " ".join(form.get("title", asked.title).split()),
                "protocol": form.get("protocol", asked.protocol).strip(),
                "reward": form.get("reward", asked.reward).strip(),
                "n_participants": form.get("n_participants", "").strip() or None,
                "quota": form.get("quota", "").strip() or None,
            }
        )
    except ValidationError as error:
        raise LensError(_first(error)) from error


def offered() -> list[tuple[str, str]]:
    """Name and title of the paradigms that make a study from an atlas."""
    found = [(name, get_paradigm(name)) for name in PARADIGMS]
    return [(name, task.title) for name, task in found if getattr(task, "from_atlas", True)]
