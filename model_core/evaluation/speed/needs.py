"""What must be installed to measure or to count: said in a line before anything of it is imported."""

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

_NEEDED: Final[Mapping[str, tuple[str, tuple[int, int], tuple[int, int] | None]]] = {
    "torch": ("", (0, 0), None),
    "diffusers": (" >=0.42,<0.43", (0, 42), (0, 43)),
    "transformers": (" >=5", (5, 0), None),
}
"""Versions as they are told; the first that will do; the first after it that will not."""


def missing_packages() -> str:
    """One line that names each package that is not there or of another version, or nothing."""
    wrong = [told for name in _NEEDED if (told := _wrong(name))]
    return f"{'; '.join(wrong)}: pip install 'v2m-zero[gpu]'" if wrong else ""


def _wrong(name: str) -> str:
    versions, first, last = _NEEDED[name]
    try:
        found = version(name)
    except PackageNotFoundError:
        return f"{name}{versions} is needed, and none is installed"
    number = re.match(r"(\d+)\.(\d+)", found)
    got = (int(number[1]), int(number[2])) if number else (0, 0)
    good = first <= got and (last is None or got < last)
    return "" if good else f"{name}{versions} is needed, not {found}"
