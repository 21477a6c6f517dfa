"""The client's own project file agrees with the main one and with the code."""

import tomllib
from typing import Any

from tests.processes import ROOT
from tests.test_house import names, third_parties

FOLDER = ROOT / "v2m_client"


def project(path: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / path).read_text())["project"]
    return found


def test_the_two_projects_agree() -> None:
    main, client = project("pyproject.toml"), project("v2m_client/pyproject.toml")
    assert client["version"] == main["version"]
    assert client["license"] == main["license"]
    assert (FOLDER / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert set(client["dependencies"]) <= set(main["dependencies"]), "the same limits of versions"


def test_the_client_declares_what_it_imports() -> None:
    imported = set().union(*(third_parties(path) for path in FOLDER.glob("*.py")))
    assert imported == names(project("v2m_client/pyproject.toml")["dependencies"])
