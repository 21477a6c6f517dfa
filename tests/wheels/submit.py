"""Submit, wait and download with the installed client. Arguments: URL, clip, target."""

import importlib.util
import sys
from pathlib import Path

import v2m_client
from v2m_client import Client

if __name__ == "__main__":
    url, clip, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    assert Path(v2m_client.__file__).is_relative_to(sys.prefix), "another copy of the client is in the way"
    for package in ("service", "jobs", "model_core", "redis", "fastapi"):
        assert importlib.util.find_spec(package) is None, f"{package} is installed, too"
    with Client(url) as client:
        job = client.wait(client.submit(clip, "calm piano", {"seed": 7}).id)
        print(job.status, client.download(job.id, to=target).stat().st_size)
