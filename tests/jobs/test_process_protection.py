"""Protection of API and worker from other processes of the same user."""

import subprocess
import sys

from jobs.infra.settings import Settings
from tests.processes import ROOT, environment

# As a user, for whom the kernel decides by this alone; the first inspection shows that it would work.
INSPECTION = """
import ctypes, os
from jobs.infra import processes
if os.getuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # which a change of user takes away, and the start of a program gives
def inspect():
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        open(f"/proc/{os.getppid()}/environ", "rb").close()
    except PermissionError:
        os._exit(13)
    os._exit(0)
print(inspect())
processes.deny_inspection()
print(inspect(), len(os.listdir("/proc/self/fd")) > 0)
"""
# Each ends with PR_GET_DUMPABLE as its status where it would begin with its work.
WORKER = """
import ctypes, sys
from jobs.infra.settings import Settings
from worker.main import run
run(Settings(), lambda: sys.exit(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)))
"""
API = """
import ctypes, sys, uvicorn
from cli.serve import listen, run_api
from jobs.infra.settings import Settings
uvicorn.Server.run = lambda *_, **__: sys.exit(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
run_api(Settings(), listen("127.0.0.1", 0))
"""


def test_child_of_the_same_user_cannot_read_the_environment() -> None:
    done = subprocess.run([sys.executable, "-c", INSPECTION], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "13", "True"]


def test_worker_and_api_deny_inspection(settings: Settings) -> None:
    for code in (WORKER, API):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(settings), check=False)
        assert done.returncode == 0
