"""List of all types of problems, for docs/errors.md and the OpenAPI document."""

from collections.abc import Iterator, Mapping
from typing import Final

from service.errors import access, jobs, requests, server, uploads
from service.errors.problem import Problem

_MODULES: Final = (requests, access, jobs, uploads, server)


def _types() -> Iterator[type[Problem]]:
    """The classes with a `kind`; those without are base classes."""
    for module in _MODULES:
        for one in vars(module).values():
            if isinstance(one, type) and issubclass(one, Problem) and "kind" in vars(one):
                yield one


CATALOG: Final[Mapping[str, type[Problem]]] = {one.kind: one for one in sorted(_types(), key=lambda one: one.status)}
"""The classes by their `kind`, in the order of their status."""
