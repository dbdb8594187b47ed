"""JSON files of an atlas that a schema describes."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from .errors import AtlasDamaged
from .schema import Frozen
from .store import Store

Model = TypeVar("Model", bound=Frozen)


def read_described(store: Store, name: str, model: type[Model]) -> Model:
    """What the file says.

    Raises
    ------
    AtlasDamaged
        It is missing, or not what the schema describes.
    """
    try:
        return model.model_validate_json(store.read(name))
    except FileNotFoundError:
        raise AtlasDamaged(f"{store}/{name} is missing: build the atlas again") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise AtlasDamaged(
            f"{store}/{name}: {where}: {first['msg']}; build the atlas again"
        ) from error
