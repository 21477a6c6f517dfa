"""``python -m tests.service.limited_api BYTES``: an API that may write no larger file. Prints its address."""

import resource
import sys

from cli.serve import listen, run_api, url_of
from jobs.infra.settings import Settings

if __name__ == "__main__":
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    listener = listen("127.0.0.1", 0)
    print(url_of(listener), flush=True)
    sys.exit(run_api(Settings(), listener))
