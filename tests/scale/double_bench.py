"""The real front with the torch-free double of the host (tests/experiment/fake_host.cpp): a bench for tests that need many runs.

The front is copied to a folder of its own, so that it has no built-in plugins but empty files that the double takes for its own.
"""
import glob
import json
import os
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def scratch_folder(gigabytes):
    """In memory where there is so much room: these tests kill processes, not machines, and a disk takes minutes to delete their files."""
    memory = "/dev/shm"
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > gigabytes * 1e9
    return tempfile.mkdtemp(prefix="tessera-scale-", dir=memory if roomy else None)


class DoubleBench:
    def __init__(self, bin_folder):
        self.home = scratch_folder(0.2)
        self.front, self.host = os.path.join(self.home, "bin/tessera"), os.path.abspath(os.path.join(bin_folder, "fake_host"))
        os.mkdir(os.path.join(self.home, "bin"))
        shutil.copy(os.path.join(bin_folder, "tessera"), self.front)
        kinds = {"encoder": "encoders", "quantizer": "quantizers", "prior": "priors", "sampling": "sampling"}
        for line in subprocess.check_output([self.host, "--plugins"], text=True).splitlines():
            kind, plugin = line.split()
            os.makedirs(os.path.join(self.home, "plugins", kinds[kind]), exist_ok=True)
            with open(os.path.join(self.home, "plugins", kinds[kind], plugin + ".so"), "w") as file:
                file.write(plugin)
        self.file = os.path.join(self.home, "double.toml")
        shutil.copy(os.path.join(HERE, "double.toml"), self.file)
        self.folders = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.home, ignore_errors=True)

    def fresh(self):
        self.folders += 1
        return os.path.join(self.home, f"results-{self.folders}")

    def start(self, results, *words, fault=None):
        env = dict(os.environ, TESSERA_HOST=self.host, TESSERA_CACHE=os.path.join(self.home, "cache"), TESSERA_PLUGIN_PATH="")
        env.pop("TESSERA_FAULT", None)
        if fault:
            env["TESSERA_FAULT"] = fault
        return subprocess.Popen([self.front, *words, "--results", results], env=env, cwd=self.home, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def call(self, results, *words):
        """Standard output. The verb must succeed and complain of nothing."""
        process = self.start(results, *words)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0 and not err, f"tessera {' '.join(words)} ended with {process.returncode}: {err}{out[-2000:]}"
        return out

    def rows(self, results, sql):
        return json.loads(self.call(results, "query", sql, "--json"))

    def digest(self, results):
        return self.call(results, "db", "digest").split()[-1]


def published(results):
    """Folder of each published stage -> number of its published run."""
    found = {}
    for path in glob.glob(f"{results}/stages/*/stage.json"):
        with open(path) as file:
            found[os.path.dirname(path)] = json.load(file)["run"]
    return found


def runs_of(stage):
    """Numbers of the runs that computed. A lease taken a moment after another published leaves an empty folder."""
    return sorted(int(path.split("/")[-2]) for path in glob.glob(f"{stage}/runs/[0-9]*/journal.jsonl"))
