"""The whole command with a sample or two, on the shipped model held to two styles."""

from pathlib import Path

import pytest

from model_core.evaluation.model.__main__ import main
from model_core.evaluation.model.takes import Studio

HELD_TO = ("house", "piano")


@pytest.mark.slow  # half a minute: every figure, from takes of the shipped model
def test_the_command_measures_and_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Studio, "styles", HELD_TO)
    out, rolls = tmp_path / "docs" / "page.md", tmp_path / "docs" / "img"
    main(["--samples", "2", "--out", str(out), "--rolls", str(rolls), "--work", str(tmp_path / "work")])
    text = out.read_text()
    printed = capsys.readouterr().out
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(lines) >= 27
    assert all(line in printed for line in lines)
    measured = [line for line in lines[2:] if "not measured" not in line]
    assert len(measured) >= 22
    assert any(line.startswith("| asked tempo within 2 % | >= 1.000 |  | **1.000**") for line in lines)
    for style in HELD_TO:
        assert f"- [{style}](img/{style}.png)" in text
        assert 0 < (rolls / f"{style}.png").stat().st_size < 60_000
    assert "$" not in text
