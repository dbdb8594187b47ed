"""An answer as the browser sends it, read strictly."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lens_core.atlas.files import canonical_json, sha256_bytes

UUID_PATTERN = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
ISO_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$")
ENVIRONMENT_BYTES = 16_384

Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]


class Answer(BaseModel):
    """What the browser sends for a trial."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trial_uuid: Annotated[str, Field(pattern=UUID_PATTERN)]
    page_token: Annotated[str, Field(max_length=64)]
    response: dict[str, Any]
    rt_ms: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
    onset_error_ms: Finite | None = None
    dropped_frames: Annotated[int, Field(ge=0, le=10**6)] | None = None
    presented_at: Annotated[str, Field(max_length=32)] | None = None
    answered_at: Annotated[str, Field(max_length=32)] | None = None
    environment: dict[str, Any] | None = None

    @field_validator("presented_at", "answered_at")
    @classmethod
    def _is_time(cls, value: str | None) -> str | None:
        if value is not None and not ISO_TIME.match(value):
            raise ValueError("not an ISO-8601 time with a zone")
        return value

    @field_validator("environment", "response")
    @classmethod
    def _is_small(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None and len(canonical_json(value)) > ENVIRONMENT_BYTES:
            raise ValueError("too large")
        return value

    def digest(self) -> str:
        """Equal for equal answers, whichever page sends them."""
        content = self.model_dump(exclude={"page_token", "environment"})
        content["trial_uuid"] = content["trial_uuid"].lower()
        return sha256_bytes(canonical_json(content))
