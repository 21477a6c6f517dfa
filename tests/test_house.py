"""The house rules that no linter knows: sizes, NOTICE, dependencies, and documents that point at something real."""

import ast
import hashlib
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("model_core", "jobs", "service", "worker", "v2m_client", "cli")
FILE_LIMIT = 15_000_000
TREE_LIMIT = 90_000_000
BINARY_SUFFIXES = {
    ".sf3",
    ".sf2",
    ".onnx",
    ".safetensors",
    ".npz",
    ".npy",
    ".mp4",
    ".webm",
    ".mkv",
    ".wav",
    ".bin",
    ".pt",
}
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *(str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").rglob("*.md"))),
]
# Installed by scripts/setup.sh itself, because its metadata requires a package that cannot be built everywhere.
BY_SETUP = {"tinysoundfont"}
# Half of pydantic, which pins it exactly.
BY_PYDANTIC = {"pydantic-core"}


def kept_files() -> list[Path]:
    """Every file that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_and_not_the_tree_is_too_large() -> None:
    sizes = {path: path.stat().st_size for path in kept_files()}
    assert {str(path): size for path, size in sizes.items() if size > FILE_LIMIT} == {}
    assert sum(sizes.values()) <= TREE_LIMIT


def test_notice_names_every_binary_asset_as_it_is() -> None:
    notice = (ROOT / "NOTICE").read_text()
    sections = notice.split("=" * 110)
    assets = [path for path in kept_files() if path.suffix in BINARY_SUFFIXES]
    assert ROOT / "model_core/assets/soundfont/FluidR3Mono_GM.sf3" in assets
    for asset in assets:
        about = [section for section in sections if str(asset.relative_to(ROOT)) in section]
        assert len(about) == 1, f"NOTICE has {len(about)} sections on {asset}"
        assert hashlib.sha256(asset.read_bytes()).hexdigest() in about[0], f"NOTICE has another sha256 of {asset}"
        assert "licence" in about[0]


def test_notice_names_nothing_that_is_gone() -> None:
    named = re.findall(r"^(model_core/\S+)$", (ROOT / "NOTICE").read_text(), re.MULTILINE)
    assert named
    assert "FILL" not in (ROOT / "NOTICE").read_text()
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_imports_run_one_way() -> None:
    lint = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert lint.returncode == 0, lint.stdout[-3000:] + lint.stderr[-1000:]


def test_every_folder_of_code_is_a_package() -> None:
    """A folder without __init__.py is invisible to import-linter."""
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_every_package_that_is_imported_is_declared() -> None:
    """Also within functions; the extras `evaluation`, `train` and `s3` count for their own packages alone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    shipped = names(project["dependencies"]) | names(extras["models"]) | names(extras["cpu"]) | BY_SETUP | BY_PYDANTIC
    missing = {}
    distributions = packages_distributions()
    own = {
        "evaluation": names(extras["evaluation"]),
        "sync": names(extras["evaluation"]),
        "training": names(extras["train"]),
        "store": names(extras["s3"]),
    }
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            allowed = shipped.union(*(extra for folder, extra in own.items() if folder in path.parts))
            for module in third_parties(path):
                owners = {name.lower().replace("_", "-") for name in distributions.get(module, [])}
                if not owners & allowed:
                    missing[f"{path.relative_to(ROOT)}: {module}"] = sorted(owners)
    assert missing == {}


def names(requirements: list[str]) -> set[str]:
    """The distributions named by requirement lines."""
    return {re.split(r"[\[<>=!~;\s]", line)[0].lower().replace("_", "-") for line in requirements}


def third_parties(path: Path) -> set[str]:
    """Top-level modules that a file imports from outside the project and the standard library."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found - set(PACKAGES) - {"tests"} - sys.stdlib_module_names


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_of_the_documents_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text()
    links = re.findall(r"\]\(([^)#]+)", text)
    local = [link for link in links if not re.match(r"https?://", link)]
    assert [link for link in local if not ((ROOT / document).parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_the_documents_name_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    named = re.findall(
        r"(?<![\w/])((?:model_core|docs|scripts|service|jobs|worker|cli|tests|docker)/[\w/.-]*\w\.\w+)", text
    )
    assert [path for path in named if not (ROOT / path).is_file()] == []


def help_of(*command: str) -> str:
    shown = subprocess.run(
        [str(Path(sys.executable).parent / "v2m"), *command, "--help"],
        capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "TERM": "dumb"},
    )  # fmt: skip
    return shown.stdout


def readme_commands() -> list[tuple[str, list[str]]]:
    """Each `v2m COMMAND` of the README and of the Makefile with the options it is given."""
    text = (ROOT / "README.md").read_text() + (ROOT / "Makefile").read_text()
    lines = re.findall(r"(?:\.venv/bin|\$\(BIN\))/v2m ((?:train |model )?\w+)(.*)", text)
    return [(command, re.findall(r"(?<!\S)(--?[a-z][\w-]*)", re.sub(r'"[^"]*"', "", rest))) for command, rest in lines]


def test_commands_of_the_readme_exist_with_their_options() -> None:
    commands = readme_commands()
    assert {"score", "curve", "up", "model init", "train curve"} <= {command for command, _ in commands}
    helps = {command: help_of(*command.split()) for command in {command for command, _ in commands}}
    gone = [(c, o) for c, options in commands for o in options if not re.search(rf"(?<![\w-]){o}(?![\w-])", helps[c])]
    assert gone == []


def test_targets_of_the_makefile_that_the_readme_names_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(
        re.findall(
            r"\bmake (demo|test-slow|test|check|setup|evaluate-full|evaluate-model|evaluate|bench-gpu|lint|format)\b",
            (ROOT / "README.md").read_text(),
        )
    )
    assert {"demo", "test", "setup"} <= named <= targets
