"""Whether the model's folder is whole. It is read, not loaded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cli.doctor.finding import Deployment, Finding, fail, ok
from model_core.errors import ModelError

_SUBJECT: Final = "model"


def check(deployment: Deployment) -> Iterator[Finding]:
    """Every file of the folder that V2M_MODEL names, by its checksum."""
    folder = deployment.settings.model
    if folder is None:
        yield ok(_SUBJECT, "the embedded one")
        return
    yield _of(folder)


def _of(folder: Path) -> Finding:
    try:
        from model_core.models.registry import read_manifest

        manifest = read_manifest(folder)
    except ModuleNotFoundError:  # the container image of the API
        return ok(_SUBJECT, "was not checked: this installation has no models")
    except ModelError as error:
        return fail(_SUBJECT, str(error), "copy the folder again, or set V2M_MODEL to another")
    return ok(_SUBJECT, f"{folder}: {manifest.name} {manifest.version}, {manifest.kind}, whole")
