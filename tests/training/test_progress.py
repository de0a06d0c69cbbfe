"""Bars and spinners: on a terminal only, and nothing of them where a program reads."""

import pytest
from rich.console import Console

from training import progress


def terminal(**options: object) -> Console:
    return Console(force_terminal=True, **options)  # type: ignore[arg-type]


def test_a_terminal_sees_what_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "Console", terminal)
    assert list(progress.bar(range(3), "reading faces")) == [0, 1, 2]
    with progress.doing("writing the model"):
        pass
    shown = capsys.readouterr()
    assert "reading faces" in shown.err
    assert "writing the model" in shown.err
    assert shown.out == ""


def test_a_program_sees_nothing_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.bar(range(3), "reading faces")) == [0, 1, 2]
    with progress.doing("writing the model"):
        pass
    assert capsys.readouterr() == ("", "")
