"""The real nginx with docker/nginx.conf, without root and without installing it.

Debian's package is downloaded by apt and unpacked into ``work/nginx``, where it stays for the next time.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import ROOT, until

CACHE = ROOT / "work" / "nginx"
SELF_SIGNED = "openssl req -x509"


def binary() -> Path | str:
    """The path of nginx, or why there is none."""
    found = shutil.which("nginx")
    if found:
        return Path(found)
    path = CACHE / "usr" / "sbin" / "nginx"
    if path.exists():
        return path
    if not shutil.which("apt-get"):
        return "there is no nginx, and no apt-get to download it with"
    CACHE.mkdir(parents=True, exist_ok=True)
    # Lists of its own: those of the machine may be empty, and only root may fill them.
    (CACHE / "lists").mkdir(exist_ok=True)
    own = ["-o", f"Dir::State::Lists={CACHE}/lists", "-o", f"Dir::Cache={CACHE}/cache", "-o", "APT::Sandbox::User="]
    for attempt in (["apt-get", "download"], ["apt-get", *own, "update"], ["apt-get", *own, "download"]):
        packages = ["nginx", "nginx-common"] if attempt[-1] == "download" else []
        done = subprocess.run([*attempt, *packages], cwd=CACHE, capture_output=True, text=True, check=False)
        if done.returncode == 0 and packages:
            break
    else:
        return f"apt-get cannot download nginx: {done.stderr.strip()[-300:]}"
    for package in CACHE.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, CACHE], check=True)
    runs = subprocess.run([path, "-v"], capture_output=True, text=True, check=False)
    return path if runs.returncode == 0 else f"nginx does not run here: {runs.stderr.strip()[-300:]}"


def self_signed(folder: Path) -> Path:
    """A certificate made by the command that docker-compose.yml documents; returns its path."""
    text = (ROOT / "docker-compose.yml").read_text()
    (line,) = (line for line in text.splitlines() if SELF_SIGNED in line)
    command = line[line.index(SELF_SIGNED) :].replace("docker/tls", str(folder))
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    return folder / "cert.pem"


def configuration(folder: Path, port: int, api: str) -> Path:
    """docker/nginx.conf with the places of this test in it; each is there exactly once."""
    text = (ROOT / "docker" / "nginx.conf").read_text()
    changes = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl; listen 127.0.0.2:{port} ssl;",
        "http://api:8000": api,
        "/etc/nginx/tls/cert.pem": f"{folder}/cert.pem",
        "/etc/nginx/tls/key.pem": f"{folder}/key.pem",
        "/tmp/nginx.pid": f"{folder}/nginx.pid",
        "/dev/stdout": f"{folder}/access.log",
        # The container has these folders.
        "http {": "http { " + " ".join(f"{name}_temp_path {folder}/{name};" for name in _TEMPORARY),
    }
    for before, after in changes.items():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    path = folder / "nginx.conf"
    path.write_text(text)
    return path


_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextmanager
def running(nginx: Path, config: Path) -> Iterator[None]:
    """nginx with this configuration, until it has ended."""
    command = [str(nginx), "-p", str(config.parent), "-c", str(config), "-e", "stderr"]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr, checked.stderr
    with (config.parent / "error.log").open("wb") as log:
        process = subprocess.Popen([*command, "-g", "daemon off;"], stderr=log)
    try:
        written = config.parent / "nginx.pid"  # -t leaves an empty one
        until(lambda: written.read_text() or process.poll(), "nginx to start")
        assert process.poll() is None, (config.parent / "error.log").read_text()
        yield
    finally:
        process.terminate()
        process.wait(60)
