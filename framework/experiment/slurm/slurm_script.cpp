// What a job runs. A file of its own for each front: a later version of Tessera does not change jobs that wait.
#include "experiment/slurm/slurm.hpp"

namespace tessera {

const char* const kSlurmScript = R"bash(#!/bin/bash
# The job of one stage: job.sh FOLDER HOST RETRIES. Written by `tessera run --slurm`; a task of a job array each.
#   SIGUSR1 (sbatch --signal=B:USR1, or by hand: scancel --batch --signal=USR1 JOB): the host writes a checkpoint and exits 75, and
#           the job goes back into the queue. It reaches this script alone, which passes it on, once.
#   SIGTERM (scancel, preemption, the time limit itself): Slurm sends it to all processes, and decides what becomes of the job.
folder=$1 host=$2 retries=$3
index=$SLURM_ARRAY_TASK_ID job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
IFS=$'\t' read -r _ kind key title < <(grep -m1 "^$index"$'\t' "$folder/tasks.tsv")
stage=$(dirname "$(dirname "$(dirname "$folder")")")/stages/$kind-$key
say() { printf 'tessera: %s: %s\n' "$(date '+%FT%T')" "$*"; }
finish() { say "ended: $2"; exit "$1"; }

unset TESSERA_PARENT_PID
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1} MKL_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
asked='' ended='' child='' signalled=''
on_usr1() {
  signalled=yes
  [ -z "$asked" ] && [ -n "$child" ] && kill -USR1 "$child" 2>/dev/null
  asked=yes
}
trap on_usr1 USR1
trap 'signalled=yes ended=yes' TERM
newest_checkpoint() { ls "$stage"/runs/*/checkpoints/*.safetensors 2>/dev/null | sed 's|.*/||' | sort | tail -n 1; }

say "job $job on $(hostname), start $((${SLURM_RESTART_COUNT:-0} + 1)): $title"
before=$(newest_checkpoint)
attempts=0
# Again where another run had the stage, and where the host failed and may be tried again: a setting or a plugin that was refused (2, 3)
# is not mended by that.
again() {
  [ -z "$asked$ended" ] || return 1
  case $1 in
    '' | 11) return 0 ;;
    0 | 2 | 3 | 75) return 1 ;;
  esac
  [ "$attempts" -le "$retries" ] || return 1
  say "its host failed with exit code $1; attempt $((attempts + 1)) of $((retries + 1)) begins"
}
code=''
while again "$code"; do
  [ "$code" = 11 ] || attempts=$((attempts + 1))
  "$host" work <"$folder/$index.json" >/dev/null &
  child=$!
  [ -z "$asked" ] || kill -USR1 "$child" 2>/dev/null  # told while it was being started
  # A signal ends `wait` before the host has ended.
  while signalled='' && wait "$child"; code=$?; [ -n "$signalled" ]; do :; done
  child=''
  if [ "$code" = 11 ] && [ -z "$asked$ended" ]; then
    say "another run computes the stage, waiting"
    sleep 10 &
    wait $!
  fi
done

code=${code:-75}  # told to stop before it began
# A host that has not yet installed its handlers dies of the signal.
if [ "$code" = 138 ] && [ -n "$asked" ]; then code=75; fi
if [ "$code" = 143 ] && [ -n "$ended" ]; then code=75; fi
case $code in
  0)
    [ -e "$stage/stage.json" ] || finish 1 "its host exited with code 0, but did not publish"
    say "done"
    exit 0
    ;;
  11 | 75)
    if [ -n "$ended" ]; then say "told to stop by Slurm, which says why above"; exit 75; fi
    # A time limit that leaves no time for a checkpoint would never end.
    [ "$code" = 11 ] || [ "$(newest_checkpoint)" != "$before" ] || [ "${SLURM_RESTART_COUNT:-0}" -lt 3 ] ||
      finish 75 "started $((SLURM_RESTART_COUNT + 1)) times and got no further: its time limit is too short (--slurm-time)"
    say "told to stop, back into the queue"
    scontrol requeue "$job" || finish 75 "told to stop, and Slurm refused to requeue it"
    sleep 600 &  # Slurm ends this script
    wait $!
    exit 75
    ;;
esac
if [ "$code" -gt 128 ]; then finish "$code" "its host was killed by signal $((code - 128)) ($(kill -l $((code - 128))))"; fi
finish "$code" "its host exited with code $code"
)bash";

}  // namespace tessera
