#!/usr/bin/env python3
"""Runs the benchmarks of this folder, one after another, and compares them with their bars.

    bench/run.py [-o FILE] [--bin FOLDER] [--slack FACTOR] [--tries N] [PROGRAM …]     all programs where none is named

Prints one table and writes everything that was measured to one JSON file. The bars stand in the programs alone: a benchmark's label,
"ratio >= 2, peak_MiB <= 64", names counters of its own. A benchmark whose error begins with "skipped: " counts neither way.
TESSERA_PYTHON names an interpreter that can import torch, for the comparison with Python. Exit code 0: nothing is below its bar.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

BENCH = pathlib.Path(__file__).resolve().parent
BAR = re.compile(r"(\S+) (>=|<=) ([0-9.]+)")
SUFFIX = re.compile(r"(/(iterations:\d+|manual_time|real_time))+$")  # what Google Benchmark adds to a name


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help="bench_recorder …; all where none is named")
    parser.add_argument("-o", "--output", type=pathlib.Path, default=BENCH.parent / "results/bench.json", help="the JSON file")
    parser.add_argument("--bin", type=pathlib.Path, default=BENCH.parent / "build/release/bin", help="where the programs are")
    parser.add_argument("--slack", type=float, default=1.0, help="how many times worse than its bar a figure may be (shared machines)")
    parser.add_argument("--tries", type=int, default=1, help="how often a program may run until nothing of it is below its bar")
    return parser.parse_args()


def machine():
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return {"time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "cpu": models[0] if models else "unknown",
            "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2)}


def run(program):
    """Google Benchmark's JSON."""
    if not program.is_file():
        raise RuntimeError("is not built")
    with tempfile.NamedTemporaryFile("r", suffix=".json") as out:
        done = subprocess.run([program, f"--benchmark_out={out.name}", "--benchmark_out_format=json"], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        report = json.load(out)
    for private in ("host_name", "executable"):
        report["context"].pop(private, None)
    return report


def judge(measured, relation, bar, slack):
    return measured >= bar / slack if relation == ">=" else measured <= bar * slack


def row(what, verdict, figure="", measured=None, bar="", reason=""):
    return {"what": what, "figure": figure, "measured": measured, "must_reach": bar, "verdict": verdict, "reason": reason}


def rows_of(benchmark, slack):
    """One row a bar that the benchmark's label states."""
    what, error = SUFFIX.sub("", benchmark["name"]), benchmark.get("error_message", "")
    rows = []
    for text in benchmark.get("label", "").split(", "):
        bar = BAR.fullmatch(text)
        if not bar:
            rows.append(row(what, "not ok", reason=f'the label states no bar: "{text}"'))
            continue
        figure, relation, limit = bar[1], bar[2], float(bar[3])
        stated = {"what": what, "figure": figure, "bar": f"{relation} {number(limit)}"}
        if error.startswith("skipped: "):
            rows.append(row(**stated, verdict="skipped", reason=error.removeprefix("skipped: ")))
        elif error or figure not in benchmark:
            rows.append(row(**stated, verdict="not ok", reason=error or "was not measured"))
        else:
            ok = judge(benchmark[figure], relation, limit, slack)
            rows.append(row(**stated, verdict="ok" if ok else "not ok", measured=benchmark[figure]))
    return rows


def measure(program, slack):
    """Rows of the table, and all that the program reported."""
    try:
        report = run(program)
    except RuntimeError as error:
        return [row(program.name, "not ok", reason=str(error))], None
    return [r for benchmark in report["benchmarks"] for r in rows_of(benchmark, slack)], report


def number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(rows):
    lines = [("what", "measured", "", "must reach", "")]
    for r in rows:
        measured = "-" if r["measured"] is None else number(r["measured"])
        lines.append((r["what"], measured, r["figure"], r["must_reach"], r["verdict"] + (f": {r['reason']}" if r["reason"] else "")))
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    return "\n".join(f"{w:{widths[0]}}  {m:>{widths[1]}} {f:{widths[2]}}  {b:{widths[3]}}  {v}".rstrip() for w, m, f, b, v in lines)


def main():
    options = arguments()
    names = options.programs or sorted(path.stem for path in BENCH.glob("bench_*.cpp"))
    said = {"command": shlex.join(["bench/run.py", *sys.argv[1:]]), "machine": machine(), "slack": options.slack}
    rows, reports = [], {}
    for name in names:
        for _ in range(options.tries):
            print(f"running {name}", file=sys.stderr, flush=True)
            found, reports[name] = measure(options.bin / name, options.slack)
            if all(r["verdict"] != "not ok" for r in found):
                break
        rows += found
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({**said, "bars": rows, "programs": reports}, indent=1) + "\n")
    print(f"$ {said['command']}\n{said['machine']['cores']} x {said['machine']['cpu']}, load average {said['machine']['load']} at the start, "
          f"{said['machine']['time']}" + (f"; ok up to {options.slack:g} times worse than the bar" if options.slack != 1 else ""))
    print("\n" + table(rows))
    return 1 if any(r["verdict"] == "not ok" for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
