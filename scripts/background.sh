#!/usr/bin/env bash
# Trains the flow of the embedded model in the background, on one thread that other work comes before. docs/training.md,
# "Run in the background", tells more.
#   scripts/background.sh start [OPTIONS]   start, or go on from the last checkpoint; OPTIONS are those of v2m train stream
#   scripts/background.sh pause | resume    halt the process where it is, and let it go on; it keeps its memory
#   scripts/background.sh stop              finish the step, write a checkpoint, and end
#   scripts/background.sh status            tell how far it is
#   WORK   folder of checkpoints and logs         STEPS  of the whole run, 20000; the learning rate depends on it
#   START  model folder to start from; the shipped one unless given
#   NICE   niceness of the run, 19 (all other work comes first) to 0
set -euo pipefail
cd "$(dirname "$0")/.."
WORK=${WORK:-work/train}
STEPS=${STEPS:-20000}
NICE=${NICE:-19}
mkdir -p "$WORK"
pid_file=$WORK/background.pid
log=$WORK/logs/stream.log
output=$WORK/logs/background.log
checkpoint=$WORK/checkpoints/stream.pt

running_pid() { # prints the process id; fails where the run has no process
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) || return 1
  tr '\0' ' ' 2>/dev/null < "/proc/$pid/cmdline" | grep -q "train stream" && echo "$pid"
}

is_paused() { grep -q '^State:[[:space:]]*T' "/proc/$1/status"; }

start() {
  local pid
  if pid=$(running_pid); then
    if is_paused "$pid"; then resume; else echo "The training is already running (process $pid)."; fi
    return
  fi
  mkdir -p "$WORK/logs"
  local command=(.venv/bin/v2m train stream --work "$WORK" --steps "$STEPS" --save-every 300)
  if [ -n "${START:-}" ]; then command+=(--start "$START"); fi
  # A session of its own outlives this shell. Linux shares the processor between sessions first: the niceness of a
  # session is its autogroup's, and that of a process counts within its session alone.
  PYTHONPATH=$PWD OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 KMP_BLOCKTIME=0 OMP_WAIT_POLICY=PASSIVE \
    setsid bash -c '{ echo "$0" > /proc/self/autogroup; } 2> /dev/null || true; exec nice -n "$0" "$@"' "$NICE" \
    "${command[@]}" "$@" < /dev/null >> "$output" 2>&1 &
  pid=$!
  echo "$pid" > "$pid_file"
  for _ in $(seq 20); do # a wrong option ends it at once
    sleep 0.1
    if running_pid > /dev/null; then
      echo "The training has started (process $pid). Its log is $log; errors are in $output."
      return
    fi
  done
  echo "The training did not start. See $output." >&2
  exit 1
}

pause() {
  local pid
  pid=$(running_pid) || { echo "The training is not running."; exit 1; }
  kill -STOP "$pid"
  echo "The training is paused (process $pid). It keeps its memory; \`scripts/background.sh resume\` lets it go on."
}

resume() {
  local pid
  pid=$(running_pid) || { echo "The training is not running. \`scripts/background.sh start\` goes on from its checkpoint."; exit 1; }
  kill -CONT "$pid"
  echo "The training goes on (process $pid)."
}

stop() {
  local pid
  pid=$(running_pid) || { echo "The training is not running."; return; }
  kill -TERM "$pid"
  kill -CONT "$pid"
  for _ in $(seq 600); do
    if ! running_pid > /dev/null; then
      echo "The training has stopped. \`scripts/background.sh start\` goes on from its checkpoint."
      return
    fi
    sleep 0.5
  done
  echo "The training has been asked to stop but is still in its step (process $pid)." >&2
  exit 1
}

status() {
  local pid
  if ! pid=$(running_pid); then
    echo "The training is not running."
  elif is_paused "$pid"; then
    echo "The training is paused (process $pid)."
  else
    echo "The training is running (process $pid)."
  fi
  if [ -f "$log" ]; then
    awk -v steps="$STEPS" '/^goes on at step/ { again = $5 } /^step / { line = $0; again = "" } END {
      if (line == "") exit
      $0 = line
      for (i = 1; i < NF; i++) { if ($i == "loss") loss = $(i + 1); if ($i == "steps/s") pace = $(i + 1)
        if ($i == "out" && !held) held = $(i + 1) }
      printf "Step %d of %d; loss %s, held-out loss %s; %.2f seconds a step", $2, steps, loss, held, 1 / pace
      if ($2 < steps) printf "; about %.1f hours are left at this pace", (steps - $2) / pace / 3600
      print "."
      if (again != "") printf "Since then it has gone on from its checkpoint of step %d, and not told a new pace yet.\n", again
    }' "$log"
  fi
  if [ -f "$checkpoint" ]; then
    echo "The last checkpoint was written $((($(date +%s) - $(stat -c %Y "$checkpoint")) / 60)) minutes ago: $checkpoint."
  else
    echo "There is no checkpoint yet."
  fi
}

case ${1:-} in
  start | pause | resume | stop | status) "$@" ;;
  *)
    sed -n '2,10p' "$0" | cut -c 3- >&2
    exit 2
    ;;
esac
