"""The doctor's checks of this machine: the store's disk, the media sandbox, the model folder and the packages."""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cli.doctor import Deployment, Finding, fail, ok, warn
from jobs.infra.processes import new_name
from jobs.infra.settings import Settings
from jobs.store import ArtifactStore, StoreError
from model_core.errors import InputError, ModelError
from model_core.media import confinement, probe

_LOCAL: Final = "file://"
_FULL: Final = 0.9  # of the quota
_CLIP: Final = "demo/montage.mp4"
_TASKS_ADVICE: Final = "limit the tasks of the service from outside: pids_limit of a container, TasksMax of systemd"
MODELS: Final = ("diffusers", "onnxruntime", "safetensors", "tinysoundfont", "transformers")
GPU: Final = Path("/dev/nvidia0")


def check_store(deployment: Deployment) -> Iterator[Finding]:
    """Access, free space and quota. Nothing is written, so the right to write to a bucket is not tested."""
    settings = deployment.settings
    url = settings.store_url
    if url.startswith(_LOCAL):
        reason = _unusable(Path(url.removeprefix(_LOCAL)))
        if reason is not None:
            yield reason
            return
    try:
        # Opening a store creates its folders, which must not happen here: they go to a temporary place.
        with tempfile.TemporaryDirectory(prefix="v2m-") as away:
            elsewhere = {"state_dir": Path(away), "store": url}
            store = ArtifactStore.open(settings.model_copy(update=elsewhere), new_name())
            try:
                used, free = store.used_bytes(), store.free_bytes()
            finally:
                store.close()
    except StoreError as error:
        yield fail("store", f"{url}: {error}", "check V2M_STORE, V2M_S3_ENDPOINT and the AWS_* variables")
        return
    yield ok("store", f"{url} can be {'used' if free is not None else 'read'}")
    yield from _room(settings, used, free)


def _unusable(root: Path) -> Finding | None:
    # os.access asks the kernel, which also knows of file systems that are mounted read-only
    for folder in (root, root / "jobs", root / "scratch"):
        if folder.is_dir() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            advice = "give this user the right to write there, or set V2M_STORE or V2M_STATE_DIR"
            return fail("store", f"{folder} cannot be written to", advice)
    if not (root / "jobs").is_dir() or not (root / "scratch").is_dir():
        return warn("store", f"{root} does not exist yet", "nothing if the service never ran here: the API creates it")
    return None


def _room(settings: Settings, used: int, free: int | None) -> Iterable[Finding]:
    if free is not None:
        found = f"{_size(free)} free on its disk"
        if free < settings.min_free_bytes:
            least = _size(settings.min_free_bytes)
            yield fail("store", f"{found}, and {least} must stay free: uploads are refused", "make room on the disk")
        elif free < settings.min_free_bytes + settings.max_upload_bytes:
            yield warn("store", f"{found}: too little for the largest upload", "make room, or set V2M_STORE_MAX_BYTES")
        else:
            yield ok("store", found)
    quota = settings.store_max_bytes
    if quota is None:
        yield ok("store", f"{_size(used)} in use, no quota")
    elif used > _FULL * quota:
        found = f"{_size(used)} in use, {used / quota:.0%} of the quota: results are removed before their time"
        yield warn("store", found, "raise V2M_STORE_MAX_BYTES, or lower V2M_RETENTION_S")
    else:
        yield ok("store", f"{_size(used)} in use, {used / quota:.0%} of the quota")


def _size(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"


def check_media(_deployment: Deployment) -> Iterator[Finding]:
    """The confinement of the sandbox, and a real probe of the bundled clip, as of an upload."""
    try:
        yield from _confinement()
        from model_core.assets import asset

        info = probe(asset(_CLIP))
    except ModuleNotFoundError:  # the container image of the API
        yield ok("media", "no video was opened: this installation has no demo clip")
    except ModelError as error:
        yield fail("media", str(error), "install the package again")
    except (InputError, OSError) as error:
        yield fail("media", f"the sandbox cannot open videos: {error}", "this user must be allowed to start processes")
    else:
        yield ok("media", f"the sandbox opens videos ({info.video_codec}, {info.duration:.1f} s)")


def _confinement() -> Iterable[Finding]:
    found = confinement()
    yield ok("media", f"the sandbox is confined by {', '.join(found.taken)}")
    for means, reason in found.missing:
        advice = _TASKS_ADVICE if means == "task_limit" else "use a newer kernel, or a container that allows it"
        yield warn("media", f"the sandbox has no {means}: {reason}", advice)
    for danger in found.dangers:
        lacking = f"a decoder that is taken over could {danger}"
        yield fail("media", lacking, "run on a system that allows Landlock, and seccomp or user namespaces")


def check_model(deployment: Deployment) -> Iterator[Finding]:
    """The checksum of every file of the folder that V2M_MODEL names. The model is not loaded."""
    folder = deployment.settings.model
    if folder is None:
        yield ok("model", "the embedded model")
        return
    try:
        from model_core.models.registry import read_manifest

        manifest = read_manifest(folder)
    except ModuleNotFoundError:  # the container image of the API
        yield ok("model", "was not checked: this installation has no models")
    except ModelError as error:
        yield fail("model", str(error), "copy the folder again, or set V2M_MODEL to another")
    else:
        yield ok("model", f"{folder}: {manifest.name} {manifest.version}, {manifest.kind}, complete")


def check_packages(deployment: Deployment) -> Iterator[Finding]:
    """torch, what must not be installed beside it, and the other packages of a worker; none of them is imported."""
    torch = _version("torch")
    if torch is None:
        advice = "to run a worker here: pip install 'v2m-zero[cpu]' or 'v2m-zero[gpu]'"
        yield warn("packages", "torch is not installed: this machine can run the API, but no worker", advice)
        return
    missing = [name for name in MODELS if _version(name) is None]
    if missing:
        advice = "pip install 'v2m-zero[cpu]' or 'v2m-zero[gpu]', and tinysoundfont with --no-deps"
        yield fail("packages", f"a worker cannot run here without {', '.join(missing)}", advice)
    cuda = cuda_of_torch()
    yield ok("packages", f"torch {torch}, built for {'the CPU' if cuda is None else f'CUDA {cuda}'}")
    yield from _mismatches(deployment.settings.device, cuda, _version("torchaudio"), GPU.exists())


def _mismatches(device: str, cuda: str | None, torchaudio: str | None, gpu: bool) -> Iterable[Finding]:
    """``device``: the setting; ``cuda``: what torch was built for; ``gpu``: whether there is one."""
    if cuda is None and torchaudio is not None:
        found = f"torchaudio {torchaudio} is installed beside a torch for the CPU, which breaks imports"
        yield fail("packages", found, "pip uninstall torchaudio")
    if device.startswith("cuda") and (cuda is None or not gpu):
        lacks = "torch is built for the CPU" if cuda is None else f"there is no {GPU}"
        advice = "install v2m-zero[gpu], or set V2M_DEVICE to auto"
        yield fail("packages", f"V2M_DEVICE is {device}, but {lacks}", advice)
    elif gpu and cuda is None:
        yield warn("packages", "there is a GPU that torch cannot use", "install v2m-zero[gpu], for audio models")
    elif cuda is not None and not gpu:
        advice = "give the container its GPU, if it has one"
        yield warn("packages", "torch is built for CUDA, but there is no GPU", advice)


def cuda_of_torch() -> str | None:
    """The CUDA version that torch was built for, read from its files; None for a build for the CPU."""
    spec = find_spec("torch")  # finds a package without importing it
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder) / "version.py"
        if path.is_file() and (found := re.search(r"^cuda\b[^=]*=\s*'([^']+)'", path.read_text(), re.MULTILINE)):
            return found[1]
    return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
