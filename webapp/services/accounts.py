"""Accounts of the console: argon2 hashes, roles, and log-ins that cannot be guessed at speed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from lens_core.atlas import LensError
from webapp.clock import utc_now
from webapp.models import Account, FailedLogin

from .audit import note
from .errors import Refused

Role = Literal["owner", "researcher", "viewer"]
RANK: dict[str, int] = {"viewer": 1, "researcher": 2, "owner": 3}
NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1024


@cache
def hasher() -> PasswordHasher:
    """Argon2id with the library's present recommendation."""
    return PasswordHasher()


@cache
def _nobody() -> str:
    # Checked against where there is no such account, so that both cases take as long.
    return hasher().hash(secrets.token_hex(16))


def new_password() -> str:
    """A password of about 95 bits that can be read out."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def add(db: Session, name: str, role: Role, password: str, *, actor: str) -> Account:
    """Make an account.

    Raises
    ------
    LensError
        If the name is taken or not allowed, or the password is too short.
    """
    if not NAME.fullmatch(name):
        raise LensError(f"account name {name!r}: use a to z, 0 to 9 and . _ @ -, at most 64")
    _require_password(password)
    if db.scalars(select(Account.id).where(Account.name == name)).first() is not None:
        raise LensError(f"there is an account {name!r} already: choose another name")
    now = utc_now()
    account = Account(
        name=name,
        role=role,
        password_hash=hasher().hash(password),
        password_changed_at=now,
        created_at=now,
        disabled=False,
    )
    db.add(account)
    db.flush()
    note(db, actor, "add account", None, {"name": name, "role": role})
    return account


def _require_password(password: str) -> None:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise LensError(
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; "
            f"this one has {len(password)}"
        )


def set_password(db: Session, account_id: int, password: str, *, actor: str) -> Account:
    """Give an account another password; whoever is logged in with the old one is not any more.

    Raises
    ------
    LensError
        If it is too short.
    """
    _require_password(password)
    account = db.get_one(Account, account_id)
    account.password_hash = hasher().hash(password)
    account.password_changed_at = utc_now()
    note(db, actor, "new password", None, {"name": account.name})
    return account


def set_role(db: Session, account_id: int, role: Role, *, actor: str) -> Account:
    """Give an account another role, which counts from its next request on.

    Raises
    ------
    LensError
        If nobody would be left to look after the accounts.
    """
    account = _one_of_all(db, account_id, stays_owner=role == "owner")
    if account.role != role:
        note(db, actor, "set role", None, {"name": account.name, "role": role})
        account.role = role
    return account


def set_disabled(db: Session, account_id: int, disabled: bool, *, actor: str) -> Account:
    """Shut an account out, or let it in again; what it did stays in the audit log.

    Raises
    ------
    LensError
        If nobody would be left to look after the accounts.
    """
    account = _one_of_all(db, account_id, stays_owner=not disabled)
    if account.disabled != disabled:
        note(db, actor, "disable account" if disabled else "enable account", None,
             {"name": account.name})  # fmt: skip
        account.disabled = disabled
    return account


def _one_of_all(db: Session, account_id: int, *, stays_owner: bool) -> Account:
    """The account, all held so that of two owners each cannot take the other's role away."""
    everybody = db.scalars(select(Account).order_by(Account.id).with_for_update()).all()
    account = next(each for each in everybody if each.id == account_id)
    others = (each for each in everybody if each.role == "owner" and not each.disabled)
    if not stays_owner and all(each.id == account_id for each in others):
        raise LensError(f"{account.name} is the only owner: give another account that role first")
    return account


def listed(db: Session) -> Sequence[Account]:
    """All accounts by name."""
    return db.scalars(select(Account).order_by(Account.name)).all()


def require_patience(
    db: Session, subjects: Sequence[str], *, attempts: int, window: timedelta
) -> None:
    """Forget old failures, and refuse who has failed too often lately.

    Raises
    ------
    Refused
        ``too_many``
    """
    now = utc_now()
    db.execute(delete(FailedLogin).where(FailedLogin.at < now - window))
    for each in subjects:
        failures = db.scalars(
            select(func.count()).where(FailedLogin.subject == each, FailedLogin.at >= now - window)
        ).one()
        if failures >= attempts:
            raise Refused("too_many")


def count_failure(db: Session, subjects: Sequence[str]) -> None:
    """A log-in failed: it counts for the name and for the address."""
    db.add_all(FailedLogin(subject=each, at=utc_now()) for each in subjects)


def check_password(account: Account | None, password: str) -> bool:
    """Whether the password is the account's; as slow where there is no account."""
    if len(password) > LONGEST_PASSWORD:
        return False
    stored = account.password_hash if account is not None else _nobody()
    try:
        hasher().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
    return account is not None and not account.disabled


def by_name(db: Session, name: str) -> Account | None:
    """The account of that name."""
    return db.scalars(select(Account).where(Account.name == name)).first()


def logged_in(db: Session, account_id: int, password: str, subjects: Sequence[str]) -> None:
    """Keep the time, forget the failures, renew a hash made with older settings."""
    account = db.get_one(Account, account_id)
    account.last_login_at = utc_now()
    if hasher().check_needs_rehash(account.password_hash):
        account.password_hash = hasher().hash(password)
    forget_failures(db, subjects)
    note(db, account.name, "log in", None)


def forget_failures(db: Session, subjects: Sequence[str]) -> None:
    """What failed before the right password counts no more."""
    db.execute(delete(FailedLogin).where(FailedLogin.subject.in_(subjects)))


def allows(role: str, needed: Role) -> bool:
    """Whether a role may do what needs another."""
    return RANK.get(role, 0) >= RANK[needed]
