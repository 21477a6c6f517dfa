"""Routes of the API. Each module of this package with a ``router`` is part of it; none is listed elsewhere.

A module may set ``NEEDS_NO_KEY = True`` for routes that anyone may call (their paths are also listed in
middleware/authentication.py), or ``IS_WEBHOOK = True`` for requests that the service sends.
"""

from importlib import import_module
from pkgutil import iter_modules

from fastapi import APIRouter, FastAPI
from fastapi.params import Depends


def include_routers(app: FastAPI, security: Depends) -> None:
    """Add the router of every module of this package; routes that need a key get ``security`` in the document."""
    names = sorted((module.name for module in iter_modules(__path__)), key=lambda name: (name != "jobs", name))
    for name in names:
        module = import_module(f"{__name__}.{name}")
        router: APIRouter | None = getattr(module, "router", None)
        if router is None:
            continue
        if getattr(module, "IS_WEBHOOK", False):
            app.webhooks.include_router(router)
        elif getattr(module, "NEEDS_NO_KEY", False):
            app.include_router(router)
        else:
            app.include_router(router, dependencies=[security])
