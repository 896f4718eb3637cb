"""What a token may be used for: never more than the operator granted to the organisation (PROTOCOL §5)."""

from __future__ import annotations

import re

from gateway.oauth.refusals import SignInError

__all__ = ["narrow"]

_LIST = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")
"""A list of scopes: visible ASCII without `"` and `\\`, one space between two (RFC 6749 §3.3)."""


def narrow(asked: str | None, granted: frozenset[str]) -> frozenset[str]:
    """The scopes of a new token: those asked for, or all that were granted when none is named (RFC 6749 §3.3).

    Raises `SignInError` (scope-not-granted) for a list that is malformed, names a scope that was not granted, or
    would be empty: a token that is less than what was asked for would only fail later, at a worse moment.
    """
    if asked is not None and not _LIST.fullmatch(asked):
        raise SignInError("scope-not-granted", "/scope")
    scopes = granted if asked is None else frozenset(asked.split(" "))
    if not scopes or not scopes <= granted:
        raise SignInError("scope-not-granted", "/scope")
    return scopes
