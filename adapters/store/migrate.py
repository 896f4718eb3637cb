"""Brings the partner's database to the form this program works with; only ever on request."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.exc import DBAPIError

from adapters.store.store import StoreError, connect

__all__ = ["migrate"]


def migrate(path: Path) -> None:
    """Create the database, or bring an older one up to date; what is there stays.

    Raises `StoreError` (store-unwritable) when the file cannot be written, which leaves it as it was.
    """
    # Imported here: only this act needs it, and every command would wait for it otherwise.
    from alembic import command  # noqa: PLC0415 - as said above
    from alembic.config import Config  # noqa: PLC0415 - as said above

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent.parent / "migrations"))
    config.set_main_option("path_separator", "os")
    try:
        engine = connect(path)
        try:
            with engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        finally:
            engine.dispose()
    except (DBAPIError, OSError):
        raise StoreError("store-unwritable") from None
