"""SIGKILL of hosts, of the front, of both, and of those who record, with the torch-free double; then the run is started again.

Whoever was killed wherever: exactly what is missing runs again, no published stage does, nothing stays "running", and outputs and
`db digest` equal those of a run that nobody touched. Usage: kill_many_test.py BIN_FOLDER ROUNDS [SEED]   (the seed is printed)
"""
import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

from double_bench import DoubleBench, published, runs_of

VICTIMS = ["host", "front", "both", "recorder"]
SEEDS = "seeds=6"  # 73 stages: about ten rounds
UNFINISHED = """SELECT (SELECT count(*) FROM run WHERE state = 'running') + (SELECT count(*) FROM front WHERE state = 'running')
  + (SELECT count(*) FROM v_stage WHERE state = 'running') + (SELECT count(*) FROM v_trial WHERE state = 'running') AS running"""


def hosts_of(front):
    """Children of this front."""
    try:
        with open(f"/proc/{front.pid}/task/{front.pid}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


class Killer:
    def __init__(self, bench):
        self.bench, self.kills, self.points = bench, collections.Counter(), collections.Counter()
        listed = [subprocess.check_output([program, "--fault-points"], text=True).split() for program in (bench.front, bench.host)]
        # No run passes those of a rebuild with a ledger there; tests/ledger does. Nor are tensors written here.
        self.fault_points = sorted({p for points in listed for p in points if not p.startswith(("rebuild.", "safetensors."))})

    def round(self, results):
        """Starts a run, kills, waits until all are gone. True where somebody was killed."""
        before = published(results)
        runs_before = {stage: runs_of(stage) for stage in before}
        fault = f"{random.choice(self.fault_points)}:{random.choice([1, 1, 2, 3, 5, 20, 60])}" if random.random() < 0.5 else None
        front = self.bench.start(results, "run", self.bench.file, SEEDS, "-j", "3", fault=fault)
        victim = random.choice(VICTIMS)
        recorder = self.bench.start(results, "ls", fault=fault) if victim == "recorder" else None
        seen = self.kill_at_some_time(None if fault else victim, front, recorder)
        said = self.wait(front, recorder, seen, bool(fault))
        killed = front.returncode == -signal.SIGKILL or "killed by signal 9" in said or bool(recorder and recorder.returncode == -signal.SIGKILL)
        if killed:
            self.kills[victim if not fault else "fault point"] += 1
            if fault:
                self.points[fault.split(":")[0]] += 1
        planned = re.search(r"(\d+) of (\d+) stages to run, (\d+) reused", said)
        if planned:
            assert int(planned[3]) == len(before), f"{len(before)} stages were published, the plan says: {planned[0]}"
        for stage, runs in runs_before.items():
            assert runs_of(stage) == runs, f"{stage} was published by run {runs[-1]} and ran again: {runs_of(stage)}"
        return killed

    def kill_at_some_time(self, victim, front, recorder):
        """All hosts that were seen. A front that lives on is asked to end soon after: it has other stages to run."""
        seen = set()

        def watch(seconds):
            until = time.perf_counter() + seconds
            while time.perf_counter() < until and front.poll() is None:
                seen.update(hosts_of(front))
                time.sleep(0.002)

        watch(random.uniform(0, 0.03 if victim == "recorder" else 0.15))
        hosts = hosts_of(front)
        seen.update(hosts)
        if victim in ("host", "both") and hosts:
            kill(random.choice(hosts))
        if victim in ("front", "both") and front.poll() is None:
            kill(front.pid)
        if victim == "recorder" and recorder.poll() is None:
            kill(recorder.pid)
        if victim != "front" and victim != "both":
            watch(random.uniform(0, 0.25 if victim is None else 0.05))
            if front.poll() is None:
                front.terminate()
        return seen

    @staticmethod
    def wait(front, recorder, seen, by_fault):
        if recorder:
            recorder.communicate(timeout=120)
        out, err = front.communicate(timeout=120)
        # A host dies with its front, a moment later.
        deadline = time.perf_counter() + 10
        while any(alive(pid) for pid in seen):
            assert time.perf_counter() < deadline, "a host outlives its front"
            time.sleep(0.001)
        assert front.returncode in (0, 1, 75, -signal.SIGTERM, -signal.SIGKILL), f"the front ended with {front.returncode} (by fault: {by_fault}): {err}{out[-2000:]}"
        return out + err


def nothing_runs(bench, results):
    """After everybody was killed one only asks."""
    left = bench.rows(results, UNFINISHED)[0]["running"]
    assert left == 0, f"{left} rows say running, and nobody is"


def killed_and_only_asked(bench):
    """A front and its hosts are killed in the middle; nobody starts anything again, nobody even waits for the dead front."""
    for _ in range(20):
        results = bench.fresh()
        front = bench.start(results, "run", bench.file, SEEDS, "-j", "3")
        while len(published(results)) < 8 or not hosts_of(front):
            time.sleep(0.001)
        hosts = hosts_of(front)
        for pid in [front.pid, *hosts]:
            kill(pid)
        while any(alive(pid) for pid in [front.pid, *hosts]):
            time.sleep(0.001)
        front.communicate()
        nothing_runs(bench, results)
        states = {row["state"]: row["n"] for row in bench.rows(results, "SELECT state, count(*) AS n FROM v_trial GROUP BY state")}
        assert set(states) <= {"done", "interrupted", "waiting"}, states
        assert bench.rows(results, "SELECT state FROM front") == [{"state": "killed"}]
        trial = json.loads(bench.call(results, "ls", "double", "--json"))[0]["trial"]
        assert "running" not in bench.call(results, "ls", "double") + bench.call(results, "ls") + bench.call(results, "show", trial)
        if states.get("interrupted", 0) > 0:  # else the hosts were killed before their first line
            return
    raise AssertionError(f"nobody is interrupted: {states}")


def outcome(bench, results):
    outputs = {}
    for stage, run in published(results).items():
        assert runs_of(stage)[-1] == run, f"{stage} was published by run {run}, and ran again: {runs_of(stage)}"
        with open(f"{stage}/runs/{run}/out/result.txt") as file:
            outputs[os.path.basename(stage)] = file.read()
    bench.call(results, "db", "check")
    return outputs, bench.digest(results)


def main():
    rounds, seed = int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time())
    random.seed(seed)
    print(f"seed {seed}", flush=True)
    with DoubleBench(sys.argv[1]) as bench:
        clean = bench.fresh()
        bench.call(clean, "run", bench.file, SEEDS, "-j", "3")
        expected = outcome(bench, clean)
        killed_and_only_asked(bench)
        killer, results, folders, idle, began = Killer(bench), bench.fresh(), 0, 0, time.perf_counter()
        while sum(killer.kills.values()) < rounds:
            assert idle < 20 + rounds, "nobody can be killed any more"
            if killer.round(results):
                if random.random() < 0.3 and os.path.isdir(results):
                    nothing_runs(bench, results)
                continue
            idle += 1
            if len(published(results)) == len(expected[0]):
                assert outcome(bench, results) == expected, f"after kills: {results} differs from the uninterrupted run"
                shutil.rmtree(results)
                results, folders = bench.fresh(), folders + 1
        bench.call(results, "run", bench.file, SEEDS, "-j", "3")
        assert outcome(bench, results) == expected, f"after kills: {results} differs from the uninterrupted run"
        # The comparison can fail: a line lost from one journal is seen.
        journal = max((f"{stage}/runs/{run}/journal.jsonl" for stage, run in published(results).items() if "/prior-" in stage), key=os.path.getsize)
        with open(journal) as file:
            lines = file.read().splitlines(keepends=True)
        lost = next(i for i, line in enumerate(lines) if '"t":"step"' in line)
        with open(journal, "w") as file:
            file.writelines(re.sub(r'"q":\d+', f'"q":{i}', line) for i, line in enumerate(lines[:lost] + lines[lost + 1:]))
        bench.call(results, "db", "rebuild")
        assert bench.digest(results) != expected[1], "a lost line does not show in the digest"
        print(f"{sum(killer.kills.values())} kills in {time.perf_counter() - began:.0f} s, {folders + 1} results folders: {dict(killer.kills)}")
        print("  points:", ", ".join(f"{point} {count}" for point, count in sorted(killer.points.items())))
        print("outputs and digest equal those of the uninterrupted run; no published stage ran again; nothing was running for ever")


if __name__ == "__main__":
    main()
