#!/usr/bin/env bash
# Trains the embedded model from nothing and writes it to model_core/assets/models/v2m-embedded-1: about two hours
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

# START=FOLDER goes on from a model folder, an older version's say: one flow stage of half an hour. Without it, two.
if [ -n "${START:-}" ]; then
  stage codec codec --start "$START" --steps 8000
  stage curves curves.npz
  stage curve curve --start "$START" --minutes 28
else
  stage codec codec --steps 8000
  stage data data.npz --pieces 9000
  stage text text --minutes 60
  stage curves curves.npz
  stage curve curve --minutes 30
fi
stage planner planner
stage ship none
