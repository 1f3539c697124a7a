"""bench/run.py judges what programs report: here they are scripts that report what a table below says."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

RUN = pathlib.Path(__file__).resolve().parents[2] / "bench/run.py"
PROGRAM = """#!/usr/bin/python3
import json, sys
out = next(word for word in sys.argv if word.startswith("--benchmark_out="))
open(out.split("=", 1)[1], "w").write(json.dumps({"context": {"host_name": "x", "executable": "x"}, "benchmarks": [%r]}))
"""

# What a benchmark reports, run.py's arguments, the verdicts of its bars, a reason.
CASES = [
    ({"label": "ratio >= 2", "ratio": 2.0}, [], ["ok"], ""),
    ({"label": "ratio >= 2", "ratio": 1.9}, [], ["not ok"], ""),
    ({"label": "ratio >= 2", "ratio": 1.1}, ["--slack", "2"], ["ok"], ""),
    ({"label": "ratio >= 2", "ratio": 0.9}, ["--slack", "2"], ["not ok"], ""),
    ({"label": "ms <= 20", "ms": 39.0}, ["--slack", "2"], ["ok"], ""),
    ({"label": "ms <= 20", "ms": 41.0}, ["--slack", "2"], ["not ok"], ""),
    ({"label": "ms <= 20", "ms": float("nan")}, [], ["not ok"], ""),
    ({"label": "ratio >= 2, MiB <= 64", "ratio": 3.0, "MiB": 65.0}, [], ["ok", "not ok"], ""),
    ({"label": "ratio >= 2"}, [], ["not ok"], "was not measured"),
    ({"ratio": 2.0}, [], ["not ok"], 'the label states no bar: ""'),
    ({"label": "ratio >= 2", "error_message": "skipped: no torch"}, [], ["skipped"], "no torch"),
    ({"label": "ratio >= 2", "error_message": "a wrong answer"}, [], ["not ok"], "a wrong answer"),
]


def run(folder, *words):
    out = folder / "bench.json"
    done = subprocess.run([sys.executable, RUN, "--bin", folder, "-o", out, *words, "bench_fake"], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done, json.loads(out.read_text())


def write(folder, text):
    program = folder / "bench_fake"
    program.write_text(text)
    os.chmod(program, 0o755)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        done, report = run(folder)
        assert report["bars"][0]["reason"] == "is not built" and done.returncode == 1, done.stdout
        for benchmark, words, verdicts, reason in CASES:
            write(folder, PROGRAM.replace("%r", repr({"name": "fake/iterations:5/manual_time", **benchmark}).replace("nan", "float('nan')")))
            done, report = run(folder, *words)
            found = [bar["verdict"] for bar in report["bars"]]
            assert found == verdicts, f"{benchmark} {words}: found {found}, expected {verdicts}"
            assert done.returncode == ("not ok" in verdicts), done.stdout
            assert [bar["what"] for bar in report["bars"]] == ["fake"] * len(verdicts)
            assert reason in done.stdout and report["bars"][-1]["reason"] == reason, done.stdout
            assert "host_name" not in report["programs"]["bench_fake"]["context"]
        write(folder, "#!/bin/sh\necho it broke >&2\nexit 3\n")
        done, report = run(folder, "--tries", "2")
        assert report["bars"][0]["reason"] == "ended with 3: it broke", done.stdout
        assert done.stderr.count("running bench_fake") == 2, done.stderr
    print(f"{len(CASES) + 2} cases")


main()
