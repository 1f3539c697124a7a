#!/usr/bin/env bash
# Writes what is committed of an experiment that has run: its tables, numbers and pictures, into results/experiments/NAME/.
#
#   experiments/write_results.sh NAME [--results DIR]
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -ge 1 ] || { echo "Usage: experiments/write_results.sh NAME [--results DIR]" >&2; exit 2; }
name=$1
shift
tessera=${TESSERA:-build/release/bin/tessera}
folder=results/experiments/$name
mkdir -p "$folder"
export COLUMNS=160
# Commands that it names are those of a reader, who has a results folder of his own.
"$tessera" compare "$name" "$@" | sed 's| --results [^ ]*||; s|[^ ]*tessera retry|tessera retry|' > "$folder/compare.txt"
"$tessera" compare "$name" --frontier "$@" > "$folder/frontier.txt"
"$tessera" compare "$name" --frontier --json "$@" > "$folder/compare.json"
"$tessera" query --csv "SELECT cell, seed, slot, metric, value FROM v_score WHERE experiment = '$name' AND current AND done AND goal <> 'none'
  AND (slot LIKE 'evaluation.%' OR slot LIKE 'samples.%') ORDER BY slot, metric, cell, seed" "$@" > "$folder/scores.csv"
"$tessera" grid "$name" -o "$folder/samples.png" "$@"
"$tessera" plan "experiments/$name/experiment.toml" "$@" > "$folder/plan.txt"
ls -l "$folder"
