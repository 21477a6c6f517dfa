"""Writing a model folder: it is there whole or not at all, and nothing that is no model folder is ever replaced."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model_core.errors import ModelError
from model_core.models.folder.manifest import MANIFEST


def check_replaceable(out: Path) -> None:
    """ModelError when there is something at ``out`` that is no model folder."""
    if out.exists() and not (out / MANIFEST).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"{out} is no model folder, and will not be replaced by one")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` to fill, which takes its place when the block ends well, and is gone when it does not.

    Raises:
        ModelError: see check_replaceable.
    """
    check_replaceable(out)
    out = out.resolve()
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        for path in partial.rglob("*.safetensors"):
            path.chmod(0o644)  # written for their owner alone; a service may run as somebody else
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
