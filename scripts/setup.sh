#!/usr/bin/env bash
# Makes .venv with everything the CPU build, the tests and the evaluation need. Run it as often as you like: a stamp made
# of this script, pyproject.toml and constraints.txt tells it when there is nothing to do. Needs Python 3.11, no root,
# and pip's own index; nothing else is fetched. PYTHON names another interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv/.v2m-setup
want=$(cat pyproject.toml constraints.txt scripts/setup.sh | sha256sum | cut -d' ' -f1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && [ -x .venv/bin/v2m ]; then
  exit 0
fi

python=${PYTHON:-python3.11}
if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))'; then
  echo "setup: $python is not Python 3.11 or 3.12; install one, or set PYTHON to it" >&2
  exit 1
fi
[ -x .venv/bin/python ] || "$python" -m venv .venv

pip() { .venv/bin/python -m pip --disable-pip-version-check --quiet "$@"; }
echo "setup: installing into .venv (the first run takes some minutes)"
# torch first and by its exact version: a bare `torch` would pull the CUDA build.
pip install --constraint constraints.txt torch==2.13.0
pip install --constraint constraints.txt --editable '.[cpu,dev]'
# --no-deps: its metadata requires pyaudio, which only live playback uses and which needs a C compiler.
pip install --no-deps tinysoundfont==0.3.7
echo "$want" > "$stamp"
echo "setup: done"
