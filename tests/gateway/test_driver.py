"""A gateway that was installed without the extra for PostgreSQL says so."""

import builtins
import sys
from typing import Any

import pytest

from gateway.store.engines import DriverError
from gateway.store.store import Store
from gateway.words import words


def test_a_missing_driver_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without psycopg, a URL of PostgreSQL is refused with what to install; SQLite needs none of it."""
    import_module = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:  # noqa: ANN401 - as the built-in
        if name.partition(".")[0] == "psycopg":
            raise ModuleNotFoundError(name=name)
        return import_module(name, *more, **named)

    for name in [name for name in sys.modules if name.partition(".")[0] == "psycopg"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DriverError) as refused:
        Store("postgresql://somebody@localhost/x")
    assert refused.value.code == "driver-missing"
    Store("sqlite:///never-made.sqlite3").close()
    for language in ("fr", "en"):
        assert "`postgres`" in words("error.driver-missing.remedy", "fr" if language == "fr" else "en")
