"""`v2m score` has one flag for each option of a score, made from its declaration."""

import inspect
from typing import Annotated, get_args

import pytest
import typer
from pydantic import Field
from typer.testing import CliRunner

from cli import option_flags
from cli.option_flags import with_option_flags
from cli.score import score
from model_core.options import ScoreOptions


class Longer(ScoreOptions):
    """ScoreOptions with one more option, as a change would add it."""

    mood: str | None = Field(default=None, max_length=4, description="Mood; see also `text_guidance`.")


_DEFAULTS = Longer()


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """A command that prints the options it gets."""
    monkeypatch.setattr(option_flags, "ScoreOptions", Longer)
    app = typer.Typer()

    @app.command()
    @with_option_flags
    def show(name: str, options: ScoreOptions = _DEFAULTS, loud: bool = False) -> None:
        typer.echo(f"{name} {options.model_dump(exclude_none=True)} {loud}")

    return app


def test_a_new_option_is_a_flag_with_its_description(app: typer.Typer) -> None:
    told = CliRunner().invoke(app, ["x", "--mood", "calm", "--seed", "7", "--loud"])
    assert told.output == "x {'seed': 7, 'mood': 'calm'} True\n"
    text = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output.split())
    assert "Mood; see also --text-guidance." in text


def test_a_value_that_is_refused_is_named(app: typer.Typer) -> None:
    refused = CliRunner().invoke(app, ["x", "--mood", "gloomy"])
    assert refused.exit_code == 2
    assert "v2m: mood: String should have at most 4 characters, not gloomy" in refused.output
    refused = CliRunner().invoke(app, ["x", "--steps", "3"])
    assert refused.exit_code == 2
    assert "v2m: --steps: Input should be greater than or equal to 4, not 3" in refused.output


def test_score_has_every_option() -> None:
    parameters = inspect.signature(score).parameters
    assert "options" not in parameters
    for name, field in ScoreOptions.model_fields.items():
        kind, option = get_args(parameters[name].annotation)[:2]
        assert parameters[name].default == field.default
        assert Annotated not in get_args(kind)
        assert option.help
