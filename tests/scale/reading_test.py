"""5,000 trials x 20 metrics: the verbs that read the ledger answer at once, and rightly.

Usage: reading_test.py BIN_FOLDER [POINTS]     points of each metric: 100, or 1000 by hand (3.5 GB, some minutes)
The bar is 200 ms each, wall clock, files in the cache; this fails beyond twice the bar and prints what was measured.
"""
import json
import math
import os
import shutil
import subprocess
import sys
import time

from double_bench import scratch_folder

CELLS, SEEDS, BAR = 1000, 5, 0.2


def timed(command, times=3):
    """The least of some times, and what was said."""
    best = math.inf
    for _ in range(times):
        begin = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True)
        best = min(best, time.perf_counter() - begin)
        assert done.returncode == 0 and not done.stderr, f"{command} ended with {done.returncode}: {done.stderr}"
    return best, done.stdout


def last_value(cell, seed, metric, points):
    """As large_results.cpp writes it."""
    return cell % 2 + 0.1 * seed + 0.01 * cell + metric + math.cos((metric + 1) * points) / points


def near(a, b):
    return abs(a - b) < 1e-9 * max(1, abs(b))


def check_answers(ask, points):
    """Against what the generator says, not against the database."""
    all_trials = ask("ls")[0]
    assert (all_trials["experiment"], all_trials["trials"], all_trials["done"]) == ("large", CELLS * SEEDS, CELLS * SEEDS), all_trials
    trials = ask("ls", "large")
    assert len(trials) == CELLS * SEEDS and all(t["state"] == "done" and t["stages_done"] == 6 for t in trials)
    for number in (0, 7, 4999):
        cell, seed = divmod(number, SEEDS)
        found = trials[number]["values"]["samples.free recall"]
        assert near(found, last_value(cell, seed, 2, points)), (trials[number], last_value(cell, seed, 2, points))
    best = {(r["slot"], r["metric"]): r for r in ask("query", "@best") if r["experiment"] == "large"}
    for slot, metric, number, cell in (("evaluation.prior", "bits_per_token", 0, 0), ("evaluation.samples.free", "precision", 1, 999)):
        expected = sum(last_value(cell, seed, number, points) for seed in range(SEEDS)) / SEEDS
        found = best[slot, metric]
        assert near(found["value"], expected) and found["stages"] == SEEDS, (found, expected)
    rows = next(p for p in ask("compare", "large")["parts"] if p["name"] == "samples.free")["rows"]
    assert len(rows) == CELLS, len(rows)
    # A masked cell is 1.01 above the causal cell at the same point, seed by seed.
    masked = [r["values"]["frechet"]["paired"] for r in rows if r["cells"][0].startswith("masked")]
    assert len(masked) == CELLS // 2 and all(p["n"] == SEEDS and near(p["mean"], 1.01) for p in masked), masked[:2]


def main():
    front, points = os.path.join(sys.argv[1], "tessera"), int(sys.argv[2]) if len(sys.argv) > 2 else 100
    results = scratch_folder(3 * points / 100)
    try:
        begin = time.perf_counter()
        subprocess.run([os.path.join(sys.argv[1], "large_results"), results, str(CELLS), str(SEEDS), str(points)], check=True)
        made = time.perf_counter() - begin
        subprocess.run([front, "ls", "--results", results], check=True, stdout=subprocess.DEVNULL)  # records
        size = os.path.getsize(os.path.join(results, "tessera.db"))
        print(f"{CELLS * SEEDS} trials, {CELLS * SEEDS * 20 * points / 1e6:.0f} M points, {size / 1e6:.0f} MB: written in {made:.0f} s, "
              f"recorded in {time.perf_counter() - begin - made:.0f} s", flush=True)
        check_answers(lambda *words: json.loads(timed([front, *words, "--json", "--results", results], 1)[1]), points)
        slow = []
        for words in (["ls"], ["ls", "large"], ["compare", "large"], ["query", "@best"]):
            seconds, said = timed([front, *words, "--results", results])
            verdict = "ok" if seconds <= BAR else "above the bar" if seconds <= 2 * BAR else "too slow"
            slow += [words] if verdict == "too slow" else []
            print(f"  tessera {' '.join(words):<16} {seconds * 1000:6.0f} ms  (bar 200 ms)  {said.count(chr(10))} lines  {verdict}", flush=True)
        assert not slow, f"more than twice the bar: {slow}"
    finally:
        shutil.rmtree(results)


if __name__ == "__main__":
    main()
