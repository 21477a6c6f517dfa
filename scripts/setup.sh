#!/usr/bin/env bash
# Makes .venv and installs the pinned packages of one level into it. Each level contains the ones before it:
#   run     what `v2m score`, `v2m up` and the other commands need (the default)
#   report  what `v2m report` needs as well
#   test    what the tests need as well
#   dev     linters, type checker, and the tools that export the shipped weights
# Run it as often as you like: a stamp says when there is nothing to do, and a level is never taken away again.
# Needs Python 3.11 or 3.12 and pip's index; no root. PYTHON names another interpreter, VENV another folder than .venv.
set -euo pipefail
cd "$(dirname "$0")/.."

level=${1:-run}
case $level in
  run) extras=cpu levels="run" ;;
  report) extras=cpu,evaluation levels="run report" ;;
  test) extras=cpu,test levels="run report test" ;;
  dev) extras=cpu,dev levels="run report test dev" ;;
  *) echo "setup: unknown level $level; use run, report, test or dev" >&2; exit 2 ;;
esac

venv=${VENV:-.venv}
stamp=$venv/.v2m-setup
want=$(cat pyproject.toml constraints.txt scripts/setup.sh | sha256sum | cut -d' ' -f1)
if [ -x "$venv/bin/v2m" ] && grep -qsxF "$want $level" "$stamp"; then
  exit 0
fi

python=${PYTHON:-python3.11}
if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))'; then
  echo "setup: $python is not Python 3.11 or 3.12. Install one, or set PYTHON to it." >&2
  exit 1
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"

# One line a package, so that minutes of downloading are not silent.
install() {
  "$venv/bin/python" -m pip --disable-pip-version-check install --progress-bar off "$@" | sed -un \
    -e 's/^ *Downloading \([^ ]*\/\)\{0,1\}\([^ ]*\) \((.*)\)$/setup:   downloading \2 \3/p' \
    -e 's/^ *Using cached \([^ ]*\/\)\{0,1\}\([^ ]*\) \((.*)\)$/setup:   from the cache \2 \3/p' \
    -e 's/^Installing collected packages.*/setup:   unpacking (up to a minute)/p'
}
echo "setup: installing the packages for \"$level\" into $venv (the first time takes some minutes)"
# torch first and by its exact version: a bare `torch` would pull the CUDA build. PyPI has no CPU build for Linux, so it
# comes from PyTorch's own index unless pip is configured with a place that has it.
install --constraint constraints.txt torch==2.13.0+cpu ||
  install --constraint constraints.txt --extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0+cpu
install --constraint constraints.txt --editable ".[$extras]"
# --no-deps: its metadata requires pyaudio, which only live playback uses and which needs a C compiler.
install --no-deps tinysoundfont==0.3.7
for one in $levels; do echo "$want $one"; done > "$stamp.new"
# Another level that is installed already stays installed.
grep -s "^$want " "$stamp" >> "$stamp.new" || true
mv "$stamp.new" "$stamp"
echo "setup: done"
