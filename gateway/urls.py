"""Where the broker stands and where it calls: HTTPS, or HTTP on this very machine."""

from __future__ import annotations

import re
from typing import Final

from keys.documents import fault

__all__ = ["public_url", "witness_url"]

_HOST: Final = r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:]{2,45}\])"
_ORIGIN: Final = rf"(?P<scheme>https?)://(?P<host>{_HOST})(?::[0-9]{{1,5}})?"
_PUBLIC_URL = re.compile(_ORIGIN, re.ASCII)
_WITNESS_URL = re.compile(rf"{_ORIGIN}(?:/[A-Za-z0-9._~-]+)*", re.ASCII)
_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]", re.ASCII)
_LONGEST: Final = 1000


def public_url(url: str) -> str:
    """The URL of a broker: nothing but host and port, because clients compare it letter by letter.

    Raises a fault (public-url, public-url-insecure).
    """
    return _checked(_PUBLIC_URL, url, "public-url")


def witness_url(url: str) -> str:
    """The URL of a witness, with a path or without, and no slash at its end: the name of the call is put behind it.

    Raises a fault (witness-url, public-url-insecure).
    """
    return _checked(_WITNESS_URL, url, "witness-url")


def _checked(form: re.Pattern[str], url: str, slug: str) -> str:
    match = form.fullmatch(url) if len(url) <= _LONGEST else None
    if match is None:
        raise fault(slug)
    if match["scheme"] == "http" and not _LOOPBACK.fullmatch(match["host"]):
        raise fault("public-url-insecure")
    return url
