"""The Dockerfile's reader, and what the file must say in any case. Installs nothing."""

import tomllib
from pathlib import Path

import pytest

from tests.images.conftest import DOCKERFILE
from tests.images.dockerfile import Ignored, Instruction, build, parse, stage
from tests.processes import ROOT

TARGETS = ("api", "worker", "worker-gpu")


def test_comments_are_dropped_and_lines_joined() -> None:
    text = "# a\nFROM python:3.11-slim AS base\nENV A=1 \\\n    B=2\n\nRUN x && \\\n  y\n"
    assert parse(text)[1:] == [Instruction("ENV", "A=1  B=2"), Instruction("RUN", "x &&  y")]


def test_a_stage_begins_with_its_base() -> None:
    text = "FROM python:3.11-slim AS a\nUSER x\nFROM a AS b\nUSER y\nFROM a AS c\nUSER z"
    assert [one.rest for one in stage(parse(text), "c")] == ["x", "z"]


@pytest.mark.parametrize(
    ("path", "is_ignored"),
    [
        ("cli/up.py", False),
        ("cli/doctor/api.py", False),
        ("tests/conftest.py", True),
        ("climate.txt", True),
        (".git/HEAD", True),
        ("cli/__pycache__/up.pyc", True),
        ("__pycache__/x.pyc", True),
    ],
)
def test_the_last_matching_pattern_decides(path: str, is_ignored: bool) -> None:
    assert (path in Ignored("*\n# all but\n!cli\n!tests/*.md\n**/__pycache__\n")) is is_ignored


@pytest.mark.parametrize("line", ["ADD cli /cli", "RUN curl example.com", "COPY --from=other a b", "COPY tests tests"])
def test_an_unknown_or_impossible_line_is_an_error(tmp_path: Path, line: str) -> None:
    (tmp_path / "cli").mkdir()
    (tmp_path / "D").write_text(f"FROM python:3.11-slim AS a\n{line}\n")
    (tmp_path / "D.dockerignore").write_text("*\n!cli\n")
    with pytest.raises(AssertionError):
        build(tmp_path, "D", "a", tmp_path / "root", {}, install=False)


@pytest.mark.parametrize("target", TARGETS)
def test_every_file_that_a_target_copies_is_there(tmp_path: Path, target: str) -> None:
    image = build(ROOT, DOCKERFILE, target, tmp_path, {}, install=False)
    assert image.command[0] == "v2m"
    assert image.health
    assert "v2m" in {one.rest for one in stage(parse((ROOT / DOCKERFILE).read_text()), target) if one.word == "USER"}


@pytest.mark.parametrize("target", ["worker", "worker-gpu"])
def test_a_worker_gets_every_package_of_the_wheel(tmp_path: Path, target: str) -> None:
    build(ROOT, DOCKERFILE, target, tmp_path, {}, install=False)
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for package in wheel["packages"]:
        files = {path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py")}
        assert files == {path.relative_to(tmp_path / "app") for path in (tmp_path / "app" / package).rglob("*.py")}
