"""`v2m curve` sees the picture as the model would."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.app import app
from tests.encoders.tiny import tiny_dinov2
from tests.stable_audio.tiny_base import tiny_base


def _run(*arguments: str) -> Any:
    done = CliRunner().invoke(app, [*arguments])
    assert done.exit_code == 0, done.output
    return json.loads(done.output) if "--json" in arguments else done.output


def test_the_encoder_is_the_models(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, weights, model = tiny_base(tmp_path / "base"), tiny_dinov2(tmp_path / "dinov2"), tmp_path / "model"
    encoders = ("--picture", "dinov2-small", "--picture-from", str(weights), "--music", "musicnn")
    _run("model", "init", "--base", str(base), "--out", str(model), *encoders)
    shipped, others = _run("curve", str(clip), "--json"), _run("curve", str(clip), "--json", "--model", str(model))
    assert (shipped["encoder"], others["encoder"]) == ("efficientnet-lite0", "dinov2-small")
    assert shipped["values"] != others["values"]
    monkeypatch.setenv("V2M_MODEL", str(model))
    assert _run("curve", str(clip), "--json") == others


def test_a_folder_that_is_no_model_is_refused(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "v2m.json").write_text(json.dumps({"kind": "foo"}))
    done = CliRunner().invoke(app, ["curve", str(clip), "--model", str(tmp_path)])
    assert (done.exit_code, len(done.output.splitlines())) == (1, 1)
    assert "kind: must be embedded-score or stable-audio-3, not foo" in done.output
