"""A small town for the tests of a partner's program, and its commands."""

from pathlib import Path

import pytest

from adapters.cli import app
from adapters.commands.program import TERMINAL
from tests.adapters.broker_double import BrokerDouble
from tests.adapters.partners import Partner, town
from tests.adapters.terminal import Command, Said, settings_file

Town = tuple[BrokerDouble, Partner, Partner]


@pytest.fixture
def laval(tmp_path: Path) -> Town:
    """A broker, the 211 line and the shelter."""
    return town(tmp_path)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command for a partner, in English unless another locale is given; code, standard output, errors."""

    def run(partner: Partner, *arguments: str, locale: str = "en_CA.UTF-8") -> Said:
        monkeypatch.setenv("LC_ALL", locale)
        monkeypatch.setattr("adapters.commands.program.assemble", lambda *_args, **_named: partner.adapter)
        code = TERMINAL.run(app, [*arguments, "--settings", str(settings_file(partner))])
        out, err = capsys.readouterr()
        return code, out, err

    return run
