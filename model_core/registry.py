"""Registries: encoders, codecs and models by name, each registered in its own file."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Generic, TypeVar

from model_core.errors import ModelError

_T = TypeVar("_T")


class Registry(Generic[_T]):
    """Entries by name. All modules of one package are imported at the first look-up, so that they register.

    Registration runs at import. The packages of models therefore import heavy libraries inside functions.
    """

    def __init__(self, noun: str, package: str) -> None:
        """``noun`` is used in error messages; ``package`` is the dotted name of the package that is imported."""
        self._noun = noun
        self._package = package
        self._entries: dict[str, _T] = {}
        self._is_complete = False

    def register(self, name: str, entry: _T) -> _T:
        """Add an entry and return it; ValueError when the name is taken."""
        if name in self._entries:
            raise ValueError(f"the {self._noun} {name} is registered already")
        self._entries[name] = entry
        return entry

    def get(self, name: str) -> _T:
        """Return the entry with this name; ModelError, which lists the known names, when there is none."""
        self._import_all()
        if name not in self._entries:
            known = ", ".join(sorted(self._entries))
            raise ModelError(f"There is no {self._noun} {name}. Known are {known}.")
        return self._entries[name]

    def __contains__(self, name: str) -> bool:
        self._import_all()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._import_all()
        return iter(sorted(self._entries))

    def _import_all(self) -> None:
        if self._is_complete:
            return
        for module in iter_modules(import_module(self._package).__path__):
            import_module(f"{self._package}.{module.name}")
        self._is_complete = True
