"""Fresh virtual environments for slow tests, filled from the package index."""

import os
import subprocess
import sys
import venv
from pathlib import Path


class Venv:
    """A virtual environment in a folder, which sees nothing of this project."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=True)
        self.bin = folder / "bin"
        self.python = self.bin / "python"

    def run(self, *command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Runs a program of the environment, or one of the system; AssertionError with its output if it fails."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "V2M_"))}
        path = f"{self.bin}{os.pathsep}{own.get('PATH', '')}"
        found = self.bin / command[0]
        program = found if found.exists() else command[0]
        done = subprocess.run(
            [program, *command[1:]], cwd=cwd, env={**own, "PATH": path}, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done

    def install(self, *requirements: str | Path) -> None:
        """Installs with pip."""
        command = ("-m", "pip", "--disable-pip-version-check", "--quiet", "install", *requirements)
        self.run(self.python, *command, cwd=self.bin)


def build_wheel(project: Path, target: Path) -> Path:
    """Builds a project's wheel in an isolated environment, into the folder `target`."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", target, project], check=True, timeout=600)
    (wheel,) = target.glob("*.whl")
    return wheel
