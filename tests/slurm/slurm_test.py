"""Twelve trials on a real Slurm: the node is drained and resumed in the middle, a host killed, a job cancelled, others requeued.

In the end every stage is done, what was missing and nothing else was submitted again, and the ledger says what a local run says.
Beside it, jobs that meet their time limit: one writes a checkpoint and goes on, one hears no signal.
Usage: slurm_test.py TESSERA FAKE_HOST
"""
import collections
import concurrent.futures
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # the source tree stays as it is
import cluster as slurm  # noqa: E402

EXPERIMENT = """
question = "Does a cluster leave what one machine leaves?"
seeds = 4
baseline = "causal"
tokenizer.seed = 0
tokenizer.encoder.plugin = "conv"
tokenizer.quantizer.plugin = "vq"
prior.plugin = "gpt"
prior.behaviour = "train"
prior.train.steps = 60
prior.train.checkpoint_every = 10
sampling.plugin = "scan_line"
[arm.causal]
[arm.masked]
prior.plugin = "maskgit"
sampling.plugin = "iterative_masking"
[arm.halton]
prior.plugin = "maskgit"
prior.width = 192
sampling.plugin = "halton"
"""
PLUGINS = ["encoders/conv", "quantizers/vq", "quantizers/fsq", "priors/gpt", "priors/maskgit", "sampling/scan_line",
           "sampling/iterative_masking", "sampling/halton"]


class Bench:
    def __init__(self, tessera, host, work):
        self.tessera, self.work = tessera, work
        os.environ.update(TESSERA_HOST=host, TESSERA_CACHE=f"{work}/cache", TESSERA_PLUGIN_PATH="")
        for plugin in PLUGINS:
            os.makedirs(os.path.dirname(f"{work}/plugins/{plugin}"), exist_ok=True)
            with open(f"{work}/plugins/{plugin}.so", "w") as file:
                file.write(os.path.basename(plugin))
        with open(f"{work}/e.toml", "w") as file:
            file.write(EXPERIMENT)

    def call(self, *words, results="results", code=0):
        common = ["--results", results] + (["--plugin-path", "plugins"] if words[0] == "run" else [])
        done = subprocess.run([self.tessera, *words, *common], cwd=self.work, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout if code == 0 else done.stderr

    def json(self, *words, results="results"):
        out = self.call(*words, "--json", results=results)
        return json.loads(out[out.index("{"):])

    def query(self, sql, results="results"):
        """Rows; JSON orders columns by name, so name them a, b, …"""
        return [tuple(row.values()) for row in json.loads(self.call("query", sql, "--json", results=results))]

    def tasks(self, results="results"):
        """job comment and index -> (kind, key), of all submissions."""
        found = {}
        for path in glob.glob(f"{self.work}/{results}/fronts/*/*/tasks.tsv"):
            uuid, array = path.split("/")[-3:-1]
            for line in open(path):
                index, kind, key, _ = line.rstrip("\n").split("\t")
                found[f"tessera {uuid} {array}", index] = kind, key
        return found


def equal(found, expected, what):
    assert found == expected, f"{what}: found {found!r}, expected {expected!r}"


class Scenario:
    def __init__(self, bench, cluster):
        self.bench, self.cluster = bench, cluster
        self.fate = {}  # stage key -> what was done to it

    def main_jobs(self, state=None, kind=None):
        """Jobs of the twelve trials: job -> (kind, key)."""
        tasks = self.bench.tasks()
        jobs = {}
        for job, now, _, comment in self.cluster.jobs():
            task = tasks.get((comment, job.split("_")[1]))
            if task and state in (None, now) and kind in (None, task[0]):
                jobs[job] = task
        return jobs

    def begun(self, key):
        """A prior that has journaled steps and has most of its 60 before it."""
        journals = glob.glob(f"{self.bench.work}/results/stages/prior-{key}/runs/*/journal.jsonl")
        text = open(sorted(journals)[-1]).read() if journals else ""
        return 0 < text.count('"t":"step"') < 25 and '"t":"end"' not in text

    def running_prior(self):
        """One that nothing was done to yet."""
        found = []

        def look():
            for job, (_, key) in self.main_jobs("RUNNING", "prior").items():
                if key not in self.fate and self.begun(key):
                    found.append((job, key))
                    return True
            return False
        self.cluster.wait("a running prior", look)
        return found[0]

    def host_of(self, job):
        array, task = job.split("_")
        for path in glob.glob("/proc/[0-9]*/environ"):
            try:
                environment = open(path, "rb").read().split(b"\0")
                command = open(path.replace("environ", "cmdline"), "rb").read().split(b"\0")
            except OSError:
                continue
            if b"work" in command and f"SLURM_ARRAY_JOB_ID={array}".encode() in environment and \
                    f"SLURM_ARRAY_TASK_ID={task}".encode() in environment:
                return int(path.split("/")[2])
        raise AssertionError(f"job {job} has no host")

    def drain_and_resume(self):
        self.running_prior()
        self.cluster.run("scontrol", "update", "nodename=n1", "state=drain", "reason=test")
        # What is in the queue is not submitted again, whether it runs or waits.
        waiting = len(self.main_jobs())
        again = self.bench.json("run", "e.toml", "--slurm")
        equal(again["arrays"], [], "submitted while everything was in the queue")
        assert waiting >= len(again["queued"]) > 20, f"{len(again['queued'])} stages told to be in the queue, {waiting} are"
        self.cluster.wait("the end of what ran", lambda: not self.main_jobs("RUNNING"))
        time.sleep(2)
        equal(self.main_jobs("RUNNING"), {}, "running on a drained node")
        waiting = self.main_jobs("PENDING")
        assert waiting, "nothing waits"
        # Where nothing runs, what waits is told all the same, with the jobs to cancel.
        line = f"Slurm's queue holds {len(waiting)} stages of this folder, 0 of them running: `scancel"
        told = {verb: self.bench.call(verb) for verb in ("stop", "status")}
        for verb, text in told.items():
            assert text.startswith(line) and text.endswith("` takes them out.\n"), f"{verb}: {text!r}, expected {line!r} …"
        equal(set(re.findall(r" (\d+)(?=[ `])", told["stop"].split("scancel")[1])), {job.split("_")[0] for job in waiting}, "jobs to cancel")
        equal(len(self.bench.json("status")["slurm"]), len(waiting), "stages in the queue")
        self.cluster.run("scontrol", "update", "nodename=n1", "state=resume")

    def disturb(self):
        job, key = self.running_prior()
        os.kill(self.host_of(job), signal.SIGKILL)
        self.fate[key] = "killed"
        job, key = self.running_prior()
        self.cluster.run("scancel", job)
        self.fate[key] = "cancelled"
        job, key = self.running_prior()
        self.fate[key] = "told"
        # scancel asks again and again where the job is back in the queue before it has its answer.
        teller = subprocess.Popen(["scancel", "--batch", "--signal=USR1", job])
        self.cluster.wait("the job told to stop", lambda: job not in self.main_jobs("RUNNING"))
        teller.kill()
        teller.wait()
        job, key = self.running_prior()
        self.cluster.run("scontrol", "requeue", job)
        self.fate[key] = "requeued"

    def check_reasons(self):
        """What `record` says of the two that came to no result, and of what waited for them."""
        over = {stage["key"]: stage for stage in self.bench.json("record")["slurm"] if stage["outcome"] == "over"}
        for key, fate in self.fate.items():
            if fate in ("told", "requeued"):
                assert key not in over, f"{fate}: {over[key]}"
                continue
            reason = over[key]["reason"]
            expected = r"its host was killed by signal 9 \(KILL\)" if fate == "killed" else r"Slurm cancelled it at 20[-0-9T:]+"
            assert re.fullmatch(expected, reason), f"{fate}: {reason}"
            assert os.path.exists(f"{self.bench.work}/{over[key]['log']}"), over[key]["log"]
        rest = {stage["reason"] for key, stage in over.items() if key not in self.fate}
        equal(rest, {"its job was cancelled before it began, or one that it waited for came to no result"}, "reasons of the rest")
        # Each of the two priors takes along its samples and the evaluations of both.
        equal(sorted(stage["kind"] for stage in over.values()), sorted(["prior", "samples", "evaluation", "evaluation"] * 2), "over")
        return set(over)

    def run(self):
        bench, cluster = self.bench, self.cluster
        # Two who submit at once: each stage is submitted once.
        with concurrent.futures.ThreadPoolExecutor() as pool:
            words = ("run", "e.toml", "--slurm", "--slurm-time", "10", "--slurm-limit", "3")
            both = [one.result() for one in [pool.submit(bench.json, *words) for _ in range(2)]]
        total = sum(array["tasks"] for one in both for array in one["arrays"])
        equal(total, len({key for _, key in bench.tasks().values()}), "stages submitted by two at once")
        self.drain_and_resume()
        self.disturb()
        cluster.wait("the end of all jobs", lambda: not self.main_jobs(), 120)
        missing = self.check_reasons()
        equal(bench.query("SELECT count(*) FROM run WHERE state = 'running'"), [(0,)], "running with no job")
        equal(bench.query("SELECT state AS a, count(*) AS b FROM run WHERE state <> 'done' GROUP BY state ORDER BY state"),
              [("failed", 1), ("interrupted", 3)], "runs that did not end well")
        equal(bench.query("SELECT error FROM run WHERE state = 'failed'"), [("its host was killed by signal 9 (KILL)",)], "the failed one")
        fronts = bench.query("SELECT state AS a, argv AS b FROM front ORDER BY argv, started")
        bench.json("record")
        equal(bench.query("SELECT state AS a, argv AS b FROM front ORDER BY argv, started"), fronts, "what is judged is judged")

        submitted = set(bench.tasks())
        again = bench.json("run", "e.toml", "--slurm", "--slurm-time", "10")
        equal({bench.tasks()[task][1] for task in set(bench.tasks()) - submitted}, missing, "submitted again")
        equal({stage["key"] for stage in again["again"]}, missing, "told to be submitted again")
        cluster.wait("the end of what was missing", lambda: not self.main_jobs(), 120)
        self.check_end(total)

    def check_end(self, total):
        bench = self.bench
        stages = bench.json("record")["slurm"]
        equal(collections.Counter(stage["outcome"] for stage in stages), {"done": total}, "stages")
        equal(bench.query("SELECT count(*) FROM v_trial WHERE experiment = 'e' AND state = 'done'"), [(12,)], "trials done")
        equal(bench.query("SELECT DISTINCT state FROM front ORDER BY state"), [("done",), ("submitted",)], "fronts")
        # Two runs where something was done to a stage, one everywhere else.
        runs = bench.query("SELECT s.key AS a, count(*) AS b FROM run r JOIN stage s ON s.id = r.stage GROUP BY s.key HAVING count(*) > 1")
        equal(dict(runs), {key: 2 for key in self.fate}, "stages with a second run")
        resumed = bench.query("SELECT count(*) FROM run WHERE n = 2 AND from_step > 0")
        assert resumed[0][0] >= 3, f"{resumed} of the second runs went on from a checkpoint"
        equal(bench.call("db", "check").split(": ")[1], "whole, and in agreement with journals and stages\n", "db check")
        bench.call("run", "e.toml", "-j", "8", results="local")
        equal(bench.call("db", "digest"), bench.call("db", "digest", results="local"), "digest, against a local run's")
        assert not os.listdir(f"{bench.work}/results/live"), "journals that nobody ended"
        equal(bench.call("stop"), "Nothing runs.\n", "stop at the end")
        done = bench.call("run", "e.toml", "--slurm")
        assert "0 of " in done and "12 of 12 trials done" in done, done


def start_at_limits(bench):
    """One minute is the shortest time limit; these run beside the rest."""
    words = ["--slurm", "--slurm-time", "1", "seeds=1", "~arm.masked", "~arm.halton"]
    bench.call("run", "e.toml", "--slurm-grace", "30", "prior.train.steps=1000", *words, results="long")
    bench.call("run", "e.toml", "--slurm-grace", "5", "prior.behaviour=deaf", *words, results="deaf")
    bench.call("run", "e.toml", "prior.behaviour=flaky", "run.retries=1", *words[:1], *words[3:], results="flaky")


def check_at_limits(bench, cluster):
    # A run that lives touches `alive`: machines that do not see its lock go by that.
    alive = glob.glob(f"{bench.work}/deaf/stages/prior-*/runs/1/alive")[0]
    cluster.wait("the run's beat", lambda: os.stat(alive).st_mtime - os.stat(f"{os.path.dirname(alive)}/out").st_mtime > 15, 45)
    def states(results):
        tasks = bench.tasks(results)
        return {tasks[comment, job.split("_")[1]][0] for job, _, _, comment in cluster.jobs() if (comment, job.split("_")[1]) in tasks}
    cluster.wait("the time limits", lambda: not states("long") and not states("deaf"), 150)
    equal({stage["outcome"] for stage in bench.json("record", results="flaky")["slurm"]}, {"done"}, "a stage whose first attempt fails")
    equal({stage["outcome"] for stage in bench.json("record", results="long")["slurm"]}, {"done"}, "a stage longer than its time limit")
    starts = bench.query("SELECT n AS a, from_step > 0 AS b, state AS c FROM run r JOIN stage s ON s.id = r.stage WHERE s.kind = 'prior' ORDER BY n", "long")
    assert len(starts) >= 2 and starts[0] == (1, 0, "interrupted") and starts[-1][1:] == (1, "done"), starts
    over = [stage for stage in bench.json("record", results="deaf")["slurm"] if stage["outcome"] == "over" and stage["kind"] == "prior"]
    assert len(over) == 1 and re.fullmatch(r"Slurm cancelled it at 20[-0-9T:]+ due to time limit", over[0]["reason"]), over
    equal(bench.query("SELECT state FROM run r JOIN stage s ON s.id = r.stage WHERE s.kind = 'prior'", "deaf"), [("failed",)], "deaf")
    assert not os.listdir(f"{bench.work}/deaf/live"), "journals that nobody ended"


def check_refusals(bench):
    text = bench.call("run", "e.toml", "--slurm-time", "5", results="none", code=2)
    equal(text, "tessera: found --slurm-…, expected --slurm with it\n", "options without --slurm")
    text = bench.call("run", "e.toml", "--slurm", "--slurm-partition", "none", results="none", code=1)
    equal(text, "tessera: sbatch exited with code 1: sbatch: error: invalid partition specified: none "
          "sbatch: error: Batch job submission failed: Invalid partition name specified\n", "no such partition")
    equal(bench.query("SELECT state FROM front", "none"), [("failed",)], "the front whose submission was refused")
    text = bench.call("run", "e.toml", "--slurm", results="back\\slash", code=2)
    assert text.startswith("tessera: --slurm: found a backslash in the results folder ") and "name another one by --results" in text, text
    path, os.environ["PATH"] = os.environ["PATH"], bench.work
    try:
        text = bench.call("run", "e.toml", "--slurm", results="none", code=2)
    finally:
        os.environ["PATH"] = path
    equal(text, "tessera: cannot start squeue: No such file or directory; expected Slurm's programs on the PATH of this machine\n", "no Slurm")


def main():
    missing = slurm.missing_programs()
    if missing:
        print(f"skipped: {', '.join(missing)} not installed (Debian packages munge, slurmctld, slurmd, slurm-client)")
        sys.exit(1 if os.environ.get("TESSERA_REQUIRE_SLURM") == "1" else 77)
    began = time.monotonic()
    work = tempfile.mkdtemp(prefix="tessera-slurm-")
    bench = Bench(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), work)
    os.mkdir(f"{work}/cluster")
    cluster = slurm.Cluster(f"{work}/cluster")
    try:
        check_refusals(bench)
        start_at_limits(bench)
        scenario = Scenario(bench, cluster)
        scenario.run()
        print(f"12 trials: drained, resumed, killed, cancelled, requeued; equal to a local run ({time.monotonic() - began:.0f} s)", flush=True)
        check_at_limits(bench, cluster)
        print(f"time limits: checkpointed and resumed, or told ({time.monotonic() - began:.0f} s)")
    except BaseException:
        print(cluster.run("squeue", "-r", "-o", "%F_%K %T %r %j", check=False), cluster.logs(), f"kept: {work}", sep="\n")
        raise
    finally:
        cluster.stop()
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
