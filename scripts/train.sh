#!/usr/bin/env bash
# Trains the embedded model from nothing and writes it to model_core/assets/models/v2m-embedded-0: about an hour
# on two otherwise idle cores. Stages that have left their result in WORK are not run again; delete it to redo one.
set -euo pipefail
cd "$(dirname "$0")/.."
WORK=${WORK:-work/train}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}

stage() { # name, what it leaves, arguments
  local name=$1 result=$WORK/$2
  shift 2
  [ -e "$result" ] && { echo "train: $name is done ($result)"; return; }
  echo "train: $name"
  .venv/bin/python -m model_core.training "$name" --work "$WORK" "$@"
}

stage codec codec --steps 2200
stage data data.npz --pieces 5000
stage text text --minutes 26
stage curves curves.npz --rendered 2500
stage planner planner
stage curve curve --minutes 18
stage ship none
