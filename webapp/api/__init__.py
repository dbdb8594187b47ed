"""What the task page in the browser talks to: JSON under ``/api/v1``."""

from .errors import register_errors
from .session import api

register_errors(api)

__all__ = ["api"]
