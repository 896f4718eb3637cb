"""Why a sign-in is refused: one slug per reason, the same at the token endpoint and on every later call."""

from __future__ import annotations

from keys.errors import PasserelleError

__all__ = ["SignInError"]


class SignInError(PasserelleError):
    """A token, a proof, an assertion or a token request that does not hold; `pointer` names the member at fault."""
