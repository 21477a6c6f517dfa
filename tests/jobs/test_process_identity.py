"""Names of workers, and the check for ended processes."""

import os
import subprocess
import sys

from jobs.infra.processes import is_gone, machine, new_name, process_of


def test_name_contains_its_process_number() -> None:
    name = new_name()
    assert process_of(name) == os.getpid()
    assert new_name() != name
    for foreign in ("0123456789ab-1-00000000", "nonsense", f"{machine()}-x-1", ""):
        assert process_of(foreign) is None


def test_only_an_ended_worker_of_this_machine_is_gone() -> None:
    own = new_name()
    assert not is_gone(own, own)
    assert is_gone(new_name(), own), "the same process number under another name is a predecessor"
    assert not is_gone(f"{machine()}-{os.getppid()}-00000000", own)
    assert not is_gone("0123456789ab-4194304-00000000", own), "unknown on another machine"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_gone(f"{machine()}-{ended.pid}-00000000", own)
