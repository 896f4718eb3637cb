"""A public witness as the operator names it in the settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from gateway.urls import witness_url
from keys.documents import Document, fault
from keys.errors import PasserelleError
from keys.vkeys import COSIGNING, parse_vkey

__all__ = ["WitnessSettings"]


def _vkey(text: str) -> str:
    """A vkey of one of the two types by which witnesses sign."""
    try:
        sound = parse_vkey(text).type in COSIGNING
    except PasserelleError:
        sound = False
    if not sound:
        raise fault("witness-key")
    return text


class WitnessSettings(Document):
    """Where a witness is called (C2SP tlog-witness), and the key with which it cosigns, as it publishes it."""

    url: Annotated[str, AfterValidator(witness_url)]
    vkey: Annotated[str, AfterValidator(_vkey)]

    def __str__(self) -> str:
        return f"{self.url} {self.vkey}"
