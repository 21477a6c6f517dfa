"""Whether videos can be opened here, and how well the process that opens them is locked in."""

from collections.abc import Iterable, Iterator
from typing import Final

from cli.doctor.finding import Deployment, Finding, fail, ok, warn
from model_core.errors import InputError, ModelError
from model_core.media import confinement, probe

_SUBJECT: Final = "media"
_CLIP: Final = "demo/montage.mp4"
_TASKS_ADVICE: Final = "limit the tasks of the service from outside: pids_limit of a container, TasksMax of systemd"


def check(_deployment: Deployment) -> Iterator[Finding]:
    """Checks the sandbox, then probes the clip of the package as if it were an upload."""
    try:
        yield from _confinement()
        from model_core.assets import asset

        info = probe(asset(_CLIP))
    except ModuleNotFoundError:  # the container image of the API
        yield ok(_SUBJECT, "no video was opened: this installation has no demo clip")
    except ModelError as error:
        yield fail(_SUBJECT, str(error), "install the package again")
    except (InputError, OSError) as error:
        yield fail(_SUBJECT, f"the sandbox opens no video: {error}", "this user must be allowed to start processes")
    else:
        yield ok(_SUBJECT, f"the sandbox opens videos ({info.video_codec}, {info.duration:.1f} s)")


def _confinement() -> Iterable[Finding]:
    found = confinement()
    yield ok(_SUBJECT, f"the sandbox is confined by {', '.join(found.taken)}")
    for means, reason in found.missing:
        advice = _TASKS_ADVICE if means == "task_limit" else "a newer kernel, or a container that allows it"
        yield warn(_SUBJECT, f"the sandbox has no {means}: {reason}", advice)
    for danger in found.dangers:
        lacking = f"a decoder that is taken over could {danger}"
        yield fail(_SUBJECT, lacking, "run on a system that allows Landlock, and seccomp or user namespaces")
