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
"$tessera" compare "$name" --frontier "$@" > "$folder/compare.txt"
"$tessera" compare "$name" --frontier --json "$@" > "$folder/compare.json"
"$tessera" export "$name" --format csv -o "$folder/scores.csv" "$@"
"$tessera" grid "$name" -o "$folder/samples.png" "$@"
"$tessera" plan "experiments/$name/experiment.toml" "$@" > "$folder/plan.txt"
ls -l "$folder"
