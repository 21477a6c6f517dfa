#!/usr/bin/env bash
# Trains the embedded model, stage by stage, and writes its folder: about two hours on two otherwise idle cores. What is
# done is not done again, and a killed stage goes on: run it again. docs/training.md tells about the stages.
#   WORK   folder of everything between the stages        START  model folder to go on from instead of from nothing
#   OUT    the model folder to write                      VERSION  of the model
set -euo pipefail
cd "$(dirname "$0")/.."
WORK=${WORK:-work/train}
OUT=${OUT:-model_core/assets/models/v2m-embedded-1}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}

stage() { # name, options
  local name=$1
  shift
  .venv/bin/v2m train "$name" --work "$WORK" "$@"
}

if [ -n "${START:-}" ]; then # one flow stage of 48 minutes instead of two
  stage corpus --pieces 3600
  stage codec --start "$START"
  stage planner
  stage curve --start "$START" --minutes 48
else
  stage corpus
  stage codec
  stage planner
  stage flow
  stage curve
fi
stage export --out "$OUT" --version "${VERSION:-1.0}"
