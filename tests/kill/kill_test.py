"""Kills hosts and fronts with SIGKILL, half at random times, half at named fault points, and starts the run again.

Whatever was killed, no published stage runs again, and the outputs' hashes and the ledger's digest equal those of a run that nobody
touched. tests/scale/kill_many_test.py kills more, with a double of the host.
Usage: kill_test.py BIN_FOLDER KILLS [SEED]   (the seed is printed; give it to repeat a run)
"""
import collections
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PHASES = ["data", "tokenizer", "tokens", "prior", "samples", "evaluation", "front"]


def environment(fault=None):
    env = dict(os.environ, OMP_NUM_THREADS="1", OMP_WAIT_POLICY="passive")
    env.pop("TESSERA_FAULT", None)
    if fault:
        env["TESSERA_FAULT"] = fault
    return env


class Bench:
    def __init__(self, bin_folder, work):
        self.front = os.path.join(bin_folder, "tessera")
        self.host = os.path.join(bin_folder, "tessera-host")
        self.work = work
        self.file = os.path.join(os.path.dirname(os.path.abspath(__file__)), "small.toml")
        self.folders = 0

    def fresh(self):
        self.folders += 1
        return os.path.join(self.work, f"results-{self.folders}")

    def start(self, results, fault=None):
        return subprocess.Popen([self.front, "run", self.file, "--results", results], env=environment(fault),
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def finish(self, results):
        """Runs to the end. A lease of a dying host may still be held: the front waits for it."""
        process = self.start(results)
        said = process.communicate(timeout=600)[0]
        assert process.returncode == 0, f"run after kills ended with {process.returncode}: {said}"

    def outcome(self, results):
        outputs = {}
        for path in glob.glob(f"{results}/stages/*/stage.json"):
            stage = json.load(open(path))
            runs = [int(journal.split("/")[-2]) for journal in glob.glob(f"{os.path.dirname(path)}/runs/[0-9]*/journal.jsonl")]
            assert max(runs) == stage["run"], f"{path} names run {stage['run']}, and the stage ran again: {sorted(runs)}"
            outputs[f"{stage['kind']}-{stage['key']}"] = {n: o["sha256"] for n, o in stage["outputs"].items()}
        digest = subprocess.run([self.front, "db", "digest", "--results", results], capture_output=True, text=True, env=environment())
        assert digest.returncode == 0, digest.stderr
        return outputs, digest.stdout.strip().split()[-1]


def live_runs(results, kind):
    """Run folders of this kind whose journal has a begin line and no end line."""
    found = []
    for path in glob.glob(f"{results}/stages/{kind}-*/runs/[0-9]*/journal.jsonl"):
        with open(path, "rb") as journal:
            if b'"t":"end"' not in journal.read():
                found.append(path)
    return found


def children(pid):
    pids = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            fields = open(path).read().rsplit(")", 1)[1].split()
            if int(fields[1]) == pid:
                pids.append(int(path.split("/")[2]))
        except (OSError, IndexError):
            pass
    return pids


def kill_at_time(bench, results, phase, delay):
    """Kills `delay` seconds after the phase was seen under way, if it still is. False: that never was so."""
    process = bench.start(results)
    while process.poll() is None:
        if phase == "front" or live_runs(results, phase):
            time.sleep(delay)
            victims = [process.pid] if phase == "front" else live_runs(results, phase) and children(process.pid)
            if process.poll() is None and victims:
                os.kill(victims[0], signal.SIGKILL)
                process.communicate(timeout=600)
                return True
            delay /= 2
        time.sleep(0.002)
    process.communicate(timeout=600)
    return False


def kill_at_point(bench, results, fault):
    """True when a process died there. The front outlives its host and says so; it may be the one that dies."""
    process = bench.start(results, fault)
    said = process.communicate(timeout=600)[0]
    return process.returncode == -signal.SIGKILL or (process.returncode != 0 and "killed by signal 9" in said)


def main():
    bin_folder, kills = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time())
    random.seed(seed)
    print(f"seed {seed}", flush=True)
    work = tempfile.mkdtemp(prefix="tessera-kill-")
    bench = Bench(bin_folder, work)
    clean = bench.fresh()
    bench.finish(clean)
    expected = bench.outcome(clean)
    print(f"uninterrupted: {len(expected[0])} stages, digest {expected[1]}", flush=True)

    points = []
    for program in (bench.host, bench.front):
        listed = subprocess.run([program, "--fault-points"], capture_output=True, text=True)
        points += [p for p in listed.stdout.split() if p not in points]
    assert points, "no fault points are known to the programs"
    timed = [(p, random.uniform(0, 0.3)) for p in PHASES * 2]
    while len(timed) < kills // 2:
        timed.append((random.choice(PHASES), random.uniform(0, 0.5)))
    at_points = []
    points = [p for p in points if not p.startswith("rebuild.")]  # no run passes these; tests/ledger does
    while len(at_points) < kills - kills // 2:
        at_points += random.sample(points, len(points))
    plan = [("time", t) for t in timed[:max(kills // 2, len(PHASES) * 2)]] + [("point", p) for p in at_points[:kills - kills // 2]]
    random.shuffle(plan)

    done, by_phase, used_points, results = 0, collections.Counter(), set(), bench.fresh()
    for kind, what in plan:
        for attempt in range(2 if kind == "point" else 8):
            # A point may be passed once in a process: a later passage is tried, then the first. A phase may be over too soon: then
            # it is killed earlier.
            passage = random.choice([1, 2, 5]) if attempt == 0 else 1
            if kind == "time":
                phase, delay = what
                died = kill_at_time(bench, results, phase, delay / 3**attempt)
            else:
                died = kill_at_point(bench, results, f"{what}:{passage}")
            if died:
                done += 1
                if kind == "time":
                    by_phase[what[0]] += 1
                else:
                    used_points.add(what)
                break
            # Everything is done already, or the point was not passed: compare, and go on in a new folder.
            bench.finish(results)
            assert bench.outcome(results) == expected, f"after kills: {results} differs from the uninterrupted run"
            shutil.rmtree(results)
            results = bench.fresh()
    bench.finish(results)
    assert bench.outcome(results) == expected, f"after kills: {results} differs from the uninterrupted run"
    shutil.rmtree(work)

    print(f"{done} kills, {sum(by_phase.values())} at random times, {len(used_points)} fault points")
    for phase in PHASES:
        print(f"  {phase:<12}{by_phase[phase]}")
    print("  points:", ", ".join(sorted(used_points)))
    assert all(by_phase[phase] >= 2 for phase in PHASES), "a phase was killed less than twice"
    assert done >= kills * 3 // 4, f"only {done} of {kills} kills took place"
    print("outputs and digest equal those of the uninterrupted run")


if __name__ == "__main__":
    main()
