"""The account that erases has settings of its own."""

from pathlib import Path

import pytest

from gateway.settings import PREFIX, Settings, SettingsError, load_settings

NEEDED = 'public_url = "https://passerelle.example"\nterritory = "laval"\n'


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine that runs the tests has a say."""
    for name in (*(PREFIX + field.upper() for field in Settings.model_fields), f"{PREFIX}SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A settings file that holds what is needed."""
    path = tmp_path / "gateway.toml"
    path.write_text(NEEDED, encoding="utf-8")
    return path


def _fault(file: Path, text: str | bytes) -> tuple[str, str, int | None]:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError) as refused:
        load_settings(file)
    [fault] = refused.value.faults
    return fault.code, fault.pointer, fault.line


def test_the_erasing_account_has_a_url_and_a_secret_of_its_own(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, erasing uses the database of the settings; its password is never in the file or the URL."""
    url = "postgresql://passerelle@db.example/laval"
    erasing = "postgresql://passerelle_erasing@db.example/laval"
    file.write_text(f'{NEEDED}database = "{url}"\n', encoding="utf-8")
    assert load_settings(file).eraser_database_url.username == "passerelle"
    file.write_text(f'{NEEDED}database = "{url}"\neraser_database = "{erasing}"\n', encoding="utf-8")
    monkeypatch.setenv(f"{PREFIX}ERASER_DATABASE_PASSWORD", "secret invente")
    settings = load_settings(file)
    found = settings.eraser_database_url
    assert (found.username, found.password, settings.database_url.password) == (
        "passerelle_erasing",
        "secret invente",
        None,
    )
    assert "secret" not in str(list(settings.shown()))
    line = 'eraser_database_password = "x"\n'
    assert _fault(file, NEEDED + line) == ("secret-in-settings", "/eraser_database_password", 3)
    line = 'eraser_database = "sqlite:///x"\n'
    assert _fault(file, NEEDED + line) == ("database-url", "/eraser_database", 3)
