"""What a server is told once at the start: where its folder is and how strict it shall be.

The folder holds everything: ``lens.db`` (unless ``DATABASE_URL`` names another database),
``studies/<name>/``, ``atlases/<slug>/``, ``sidecars/`` (what people made of their concepts),
``drafts/<id>/`` (studies being made in the console) and ``secret_key``.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lens_core.atlas import LensError

KIB = 1024


class ServerConfig(BaseModel):
    """Settings of one server.

    Attributes
    ----------
    directory : the server's folder.
    database_url : SQLAlchemy URL; empty means SQLite in the folder.
    https : people reach the server by https, so cookies are marked secure and HSTS is sent.
    trusted_hosts : host names that requests may ask for; empty means any.
    proxies : how many proxies stand in front and set ``X-Forwarded-*``.
    body_kib, form_kib : limits on what a request may send.
    lease_minutes : how long a started participant keeps a place in a cell without an answer.
    quiz_attempts : how often the quiz may be tried where the study does not say.
    threads : requests that a process answers at once; each may need two database connections.
    login_attempts, login_window_minutes : failed log-ins allowed per name and per address.
    console_hours : how long a log-in lasts.
    arrivals, arrivals_window_minutes : new participants allowed per address; a laboratory's room
        may have one address for all.
    prolific_keys_url : where the keys of Prolific's signed links are.
    sona_hosts : hosts besides SONA's own that may be asked for credit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    directory: Path
    database_url: str = ""
    https: bool = False
    trusted_hosts: tuple[str, ...] = ()
    proxies: Annotated[int, Field(ge=0, le=5)] = 0
    body_kib: Annotated[int, Field(gt=0)] = 256
    form_kib: Annotated[int, Field(gt=0)] = 64
    lease_minutes: Annotated[float, Field(gt=0)] = 120.0
    quiz_attempts: Annotated[int, Field(gt=0)] = 2
    threads: Annotated[int, Field(gt=0)] = 8
    login_attempts: Annotated[int, Field(gt=0)] = 10
    login_window_minutes: Annotated[float, Field(gt=0)] = 15.0
    console_hours: Annotated[float, Field(gt=0)] = 12.0
    arrivals: Annotated[int, Field(gt=0)] = 600
    arrivals_window_minutes: Annotated[float, Field(gt=0)] = 10.0
    prolific_keys_url: str = "https://api.prolific.com/.well-known/study/jwks.json"
    sona_hosts: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The database as a SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.directory.resolve() / 'lens.db'}"

    @property
    def studies_dir(self) -> Path:
        """Where published studies lie, one folder each."""
        return self.directory / "studies"

    @property
    def atlases_dir(self) -> Path:
        """Where the atlases of the explorer lie, folders or links."""
        return self.directory / "atlases"

    @property
    def sidecars_dir(self) -> Path:
        """What people made of concepts, as ``lens analyze`` wrote it."""
        return self.directory / "sidecars"

    @property
    def drafts_dir(self) -> Path:
        """Studies that are being made in the console, one folder each."""
        return self.directory / "drafts"

    def study_dir(self, name: str) -> Path:
        """The folder of a published study."""
        return self.studies_dir / name

    def secret_key(self) -> bytes:
        """The key that signs cookies and stimulus names; made once, readable by the owner alone.

        Raises
        ------
        LensError
            If the stored key was cut short.
        """
        path = self.directory / "secret_key"
        if not path.exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            # Written beside and linked, so that two servers starting together agree on one key
            # and neither reads half of it.
            draft = path.with_name(f".secret_key.{os.getpid()}.{secrets.token_hex(4)}")
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(secrets.token_hex(32).encode())
                    file.flush()
                    os.fsync(file.fileno())
                try:
                    os.link(draft, path)
                except FileExistsError:
                    pass
                except OSError:  # a file system without hard links
                    draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
        key = path.read_bytes()
        if len(key) < 32:
            raise LensError(f"{path} is too short for a key: delete it, a new one will be made")
        return key


def read_config(
    directory: Path, environment: Mapping[str, str] | None = None, **changes: object
) -> ServerConfig:
    """Settings from the environment, checked.

    ``DATABASE_URL``, ``LENS_HTTPS`` (1 or 0), ``LENS_TRUSTED_HOSTS`` (comma-separated),
    ``LENS_PROXIES`` (a count), ``LENS_LEASE_MINUTES``, ``LENS_ARRIVALS`` (new participants per
    address in ten minutes) and ``LENS_SONA_HOSTS`` (comma-separated) are read.

    Parameters
    ----------
    directory : the server's folder.
    environment : by default the process's.
    changes : fields of :class:`ServerConfig` that override the environment.

    Raises
    ------
    LensError
        If a value cannot be used.
    """
    env = os.environ if environment is None else environment
    values: dict[str, object] = {"directory": directory}
    if env.get("DATABASE_URL"):
        values["database_url"] = normal_url(env["DATABASE_URL"])
    if env.get("LENS_HTTPS"):
        values["https"] = env["LENS_HTTPS"]
    if env.get("LENS_TRUSTED_HOSTS"):
        values["trusted_hosts"] = _several(env["LENS_TRUSTED_HOSTS"])
    if env.get("LENS_SONA_HOSTS"):
        values["sona_hosts"] = _several(env["LENS_SONA_HOSTS"])
    if env.get("LENS_ARRIVALS"):
        values["arrivals"] = env["LENS_ARRIVALS"]
    if env.get("LENS_PROXIES"):
        values["proxies"] = env["LENS_PROXIES"]
    if env.get("LENS_LEASE_MINUTES"):
        values["lease_minutes"] = env["LENS_LEASE_MINUTES"]
    try:
        return ServerConfig.model_validate(values | changes)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise LensError(f"server setting {where}: {first['msg']}") from error


def _several(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated list."""
    return tuple(part for each in text.split(",") if (part := each.strip()))


def normal_url(url: str) -> str:
    """A database URL as SQLAlchemy wants it: PostgreSQL spelt in full, with the driver we ship."""
    scheme, separator, rest = url.partition("://")
    if scheme in ("postgres", "postgresql"):
        return f"postgresql+psycopg{separator}{rest}"
    return url
