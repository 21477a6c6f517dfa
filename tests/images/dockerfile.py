"""A reader of Dockerfiles, and a build without Docker: the lines of one target in a fresh folder and a fresh venv.

An instruction or a command that is not known here is an error, so that no line of the Dockerfile goes untested unseen.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Final

ALLOWED_RUNS: Final = frozenset({"useradd --system --uid 10001 --home-dir /var/lib/v2m --create-home v2m"})
"""Commands that need root and are not carried out. Their effect, a user and its home, is no part of these tests."""
NOT_CARRIED_OUT: Final = frozenset({"USER", "EXPOSE"})
PYTHON: Final = "python:3.11-slim"


@dataclass(frozen=True)
class Instruction:
    """One line of a Dockerfile: ``COPY jobs jobs`` has the word ``COPY`` and the rest ``jobs jobs``."""

    word: str
    rest: str


def parse(text: str) -> list[Instruction]:
    """The instructions in order; comments are dropped and continued lines are joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [Instruction(word.upper(), rest.strip()) for word, _, rest in (x.partition(" ") for x in joined.split("\n"))]


def stage(instructions: list[Instruction], target: str) -> list[Instruction]:
    """The instructions of ``target``, those of its base stages first; KeyError for an unknown stage."""
    stages: dict[str, list[Instruction]] = {PYTHON: []}
    current: list[Instruction] = []
    for instruction in instructions:
        if instruction.word == "FROM":
            base, as_, name = instruction.rest.split()
            assert as_.upper() == "AS"
            current = stages[name] = list(stages[base])
        else:
            current.append(instruction)
    return stages[target]


class Ignored:
    """The rules of a .dockerignore: the last pattern that matches a path, or a folder above it, decides."""

    def __init__(self, text: str) -> None:
        lines = (line.strip() for line in text.splitlines())
        patterns = [line for line in lines if line and not line.startswith("#")]
        self._rules = [(not p.startswith("!"), re.compile(_regex(p.lstrip("!").strip("/")))) for p in patterns]

    def __contains__(self, path: str) -> bool:
        """``path`` is relative to the build's folder."""
        parts = path.split("/")
        above = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        ignored = False
        for ignore, rule in self._rules:
            if any(rule.fullmatch(name) for name in above):
                ignored = ignore
        return ignored


def _regex(pattern: str) -> str:
    """Go's filepath.Match with ``**``, which stands for any number of folders."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(meaning.get(part) or re.escape(part) for part in parts)


@dataclass
class Image:
    """What a build leaves: a folder that stands for ``/``, a venv, and how to start it.

    Attributes:
        root: the folder that stands for ``/``.
        command: of ``CMD``. health: of ``HEALTHCHECK``.
        pip_installs: the folder and the arguments of each ``pip install``, with ``ARG`` filled in.
    """

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    args: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    volumes: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    pip_installs: list[tuple[Path, list[str]]] = field(default_factory=list)

    def at(self, path: str) -> Path:
        """Where a path of the image is on this machine."""
        return self.root / path.lstrip("/")

    @property
    def cwd(self) -> Path:
        """The folder of ``WORKDIR``."""
        return self.at(self.workdir)

    def environment(self, **changes: str) -> dict[str, str]:
        """The variables of ``ENV`` over this machine's, with the volumes' paths below ``root``, and ``changes``."""
        ours = ("V2M_", "REDIS_URL", "PYTHON", "VIRTUAL_ENV", "OMP_")
        env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        env |= {name: str(self.at(value)) if value in self.volumes else value for name, value in self.env.items()}
        return {**env, "PATH": f"{self.root / 'venv/bin'}:{env['PATH']}", **changes}

    def python(self, code: str) -> str:
        """What ``code`` prints in the image's Python."""
        command = [str(self.root / "venv/bin/python"), "-c", code]
        done = subprocess.run(
            command, cwd=self.cwd, env=self.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


def build(
    context: Path, dockerfile: str, target: str, root: Path, args: Mapping[str, str], *, install: bool = True
) -> Image:
    """Carries out the lines of ``target``.

    Args:
        context: the folder that ``docker build`` is given; ``dockerfile`` is a path in it.
        root: an empty folder.
        args: build arguments, in the place of the Dockerfile's defaults.
        install: False leaves out the ``pip install`` lines, and only notes them.
    """
    instructions = stage(parse((context / dockerfile).read_text()), target)
    ignored = Ignored((context / f"{dockerfile}.dockerignore").read_text())
    image = Image(root)
    image.volumes = [one.rest for one in instructions if one.word == "VOLUME"]
    for volume in image.volumes:
        image.at(volume).mkdir(parents=True)
    if install:
        subprocess.run(["python3.11", "-m", "venv", str(root / "venv")], check=True)
    for one in instructions:
        match one.word:
            case "ENV":
                image.env |= dict(pair.split("=", 1) for pair in shlex.split(one.rest))
            case "ARG":
                name, _, value = one.rest.partition("=")
                image.args[name] = args.get(name, value)
            case "WORKDIR":
                image.workdir = one.rest
                image.cwd.mkdir(parents=True, exist_ok=True)
            case "COPY":
                _copy(image, context, ignored, shlex.split(one.rest))
            case "RUN":
                _run(image, one.rest, install)
            case "CMD":
                image.command = json.loads(one.rest)
            case "HEALTHCHECK":
                image.health = json.loads(one.rest.partition(" CMD ")[2])
            case "VOLUME":
                pass
            case word:
                assert word in NOT_CARRIED_OUT, f"the tests do not know the instruction {word} {one.rest}"
    return image


def _copy(image: Image, context: Path, ignored: Ignored, words: list[str]) -> None:
    *sources, target = words
    assert not any(word.startswith("--") or "*" in word for word in words), f"not known to the tests: COPY {words}"
    into = image.cwd / target
    for source in sources:
        path = context / source
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        kept = [file for file in files if file.relative_to(context).as_posix() not in ignored]
        assert kept, f"COPY {source}: not there, or ignored by the .dockerignore"
        assert len(sources) == 1 or target.endswith("/"), "several sources need a folder"
        for file in kept:
            name = file.relative_to(path) if path.is_dir() else file.name if target.endswith("/") else ""
            to = into / name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, to)


def _run(image: Image, line: str, install: bool) -> None:
    for command in line.split(" && "):
        if command in ALLOWED_RUNS:
            continue
        words = shlex.split(Template(command).substitute(image.args))
        assert words[:2] == ["pip", "install"], f"the tests do not know the command {command}"
        image.pip_installs.append((image.cwd, words[2:]))
        if install:
            done = subprocess.run(
                words, cwd=image.cwd, env=image.environment(), capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{command}: {done.stderr[-3000:]}"
