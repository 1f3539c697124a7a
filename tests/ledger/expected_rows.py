#!/usr/bin/env python3
"""Computes what a ledger must hold from the journals of a results folder, and compares it with the database.

Shares nothing with the recorder: it reads every journal whole and applies the rules as sentences.
  - The row for (stage, metric, step) belongs to the highest run n with from_step < step; a run from step 0 owns every step.
  - Samples and per-sample scores belong to the highest run.
  - What is published is what stage.json says.
  - Of two fronts the newer one wins, by time, then uuid; with "adds" it retires nothing.
  - A front that removes trials or cells hides what older fronts declared.
  - A run that its front judged failed is that, unless it said itself that it is done, failed or pruned.
  - A line that is damaged is left out.
  - Of what is said of a target and a tag the last word counts, by time, uuid and line.
Usage: expected_rows.py RESULTS     Exit 0: equal. 1: differences, printed.
"""
import base64, glob, json, math, os, sqlite3, sys

results = sys.argv[1]


def number(value):
    value = float(value)  # "nan", "inf", "-inf" too
    return None if math.isnan(value) else value


def text(value):
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def read(path):
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")[:-1]  # a torn last line is no line
    sound = []
    for line in lines:
        try:
            sound.append(json.loads(line))
        except ValueError:
            pass
    return sound


runs, fronts = {}, []
for path in glob.glob(results + "/stages/*/runs/*/journal.jsonl"):
    lines = read(path)
    if lines:
        runs.setdefault(lines[0]["stage"], {})[lines[0]["n"]] = lines
for path in glob.glob(results + "/fronts/*.jsonl"):
    lines = read(path)
    if lines:
        fronts.append(lines)
fronts.sort(key=lambda lines: (lines[0]["time"], lines[0]["uuid"]))

judged, never_began = {}, {}
for lines in fronts:
    for line in lines:
        if line["t"] == "verdict" and line["run"]:
            judged[line["run"]] = line["error"]
        elif line["t"] == "verdict":
            at = (line["time"], lines[0]["uuid"])
            never_began[line["stage"]] = max(never_began.get(line["stage"], (at, "")), (at, line["error"]))

points, summaries, samples, artifacts, run_rows, stages, inputs = {}, set(), set(), set(), set(), {}, set()
for key, attempts in runs.items():
    kind = next(iter(attempts.values()))[0]["kind"]
    last_run = max(attempts)
    written = {}  # (metric, revision, axis, n) -> {step: value}
    for n in sorted(attempts):
        revisions = {}
        for line in attempts[n]:
            if line["t"] == "metric":
                revisions[line["name"]] = (line["revision"], line["axis"])
            elif line["t"] == "step":
                for name, value in line["v"].items():
                    written.setdefault((name,) + revisions[name] + (n,), {})[line["s"]] = number(value)
            elif line["t"] == "points":
                series = written.setdefault((line["m"],) + revisions[line["m"]] + (n,), {})
                series.update(zip(line["i"], map(number, line["v"])))
            elif line["t"] == "sample" and n == last_run:
                png = base64.b64decode(line.get("png", "")) or None
                samples.add((key, line["i"], line["noise_seed"], line["label"], text(line["ids"]), text(line["commit"]), number(line["logp"]), png))
            elif line["t"] == "publish":
                for name, output in line["outputs"].items():
                    artifacts.add((key, n, name, output["sha256"], output["bytes"]))
        end = attempts[n][-1] if attempts[n][-1]["t"] == "end" else None
        state, error = (end["state"], end["error"] or None) if end else (None, None)
        if state in (None, "interrupted") and attempts[n][0]["uuid"] in judged:
            state, error = "failed", judged[attempts[n][0]["uuid"]]
        run_rows.add((key, n, attempts[n][0]["from_step"], state, error,
                      end["exit"] if end else None, end["seconds"] if end else None))
    starts = {n: attempts[n][0]["from_step"] for n in attempts}

    def owner(axis, step):
        if axis == "sample":
            return last_run
        return max((n for n in starts if starts[n] <= 0 or starts[n] < step), default=None)

    for (name, revision, axis, n), series in written.items():
        mine = {step: value for step, value in series.items() if owner(axis, step) == n}
        if mine:
            points.setdefault((key, kind, name, revision), {}).update(mine)
    stages[key] = kind
    for lines in attempts.values():
        inputs |= {(key, slot, name) for slot, name in lines[0]["inputs"].items()}

for key, (_, error) in never_began.items():
    run_rows.add((key, 0, 0, "failed", error, None, None))
    stages.setdefault(key, None)

for name, series in points.items():
    values = [series[step] for step in sorted(series)]
    sound = [value for value in values if value is not None]
    total = 0.0
    for value in sound:
        total += value
    summaries.add(name + (len(values), len(values) - len(sound), values[-1], min(sound, default=None), max(sound, default=None),
                          None if math.isnan(total) else total, max(series)))

experiments, cells, trials, newest, removals, words = {}, {}, {}, {}, [], {}
for lines in fronts:  # oldest first
    age = (lines[0]["time"], lines[0]["uuid"])
    for line in lines:
        if line["t"] == "experiment":
            experiments.setdefault(line["name"], (None, None, None))
            if not line.get("adds"):
                experiments[line["name"]] = (line.get("question"), line.get("source"), line.get("baseline"))
                newest[line["name"]] = age
        elif line["t"] == "cell":
            cells[line["experiment"], line["hash"]] = (age, line["label"], line["axes"], line["options"])
        elif line["t"] == "trial":
            trials[line["experiment"], line["cell"], line["seed"]] = (age, line["stages"])
        elif line["t"] == "remove":
            removals.append((age, line["experiment"], line.get("cell"), line.get("seed")))
        elif line["t"] in ("tag", "note"):
            subject = (line["t"],) + tuple(line.get(part) for part in ("experiment", "cell", "seed", "stage", "text"))
            word = (line["time"], lines[0]["uuid"], line["q"], not line.get("removed", False))
            words[subject] = max(words.get(subject, word), word)
        elif line["t"] == "stage":
            stages[line["key"]] = line["kind"]
            inputs |= {(line["key"], slot, name) for slot, name in line["inputs"].items()}
for age, named in trials.values():
    for name in named.values():
        stages.setdefault(name, None)
for _, _, name in inputs:
    stages.setdefault(name, None)

published = {}
for path in glob.glob(results + "/stages/*/stage.json"):
    with open(path) as file:
        stage = json.load(file)
    published[stage["key"]] = stage["run"]
    artifacts |= {(stage["key"], stage["run"], name, output["sha256"], output["bytes"]) for name, output in stage["outputs"].items()}


def removed(name, age, cell, seed):
    return any(e == name and c in (None, cell) and s in (None, seed) and at > age for at, e, c, s in removals)


def current(name, age, cell, seed=None):
    return int((name not in newest or age >= newest[name]) and not removed(name, age, cell, seed))


def option(value):
    return int(value) if isinstance(value, bool) else value if isinstance(value, (int, float, str)) else text(value)


expected = {
    "experiment": {(name,) + rest for name, rest in experiments.items()},
    "cell": {(e, h, label, current(e, age, h)) for (e, h), (age, label, _, _) in cells.items()},
    "cell_axis": {(e, h, axis, point) for (e, h), (_, _, axes, _) in cells.items() for axis, point in axes.items()},
    "option": {(e, h, k, option(v), origin) for (e, h), (_, _, _, options) in cells.items() for k, v, origin in options},
    "trial": {(e, h, seed, current(e, age, h, seed)) for (e, h, seed), (age, _) in trials.items()},
    "trial_stage": {(e, h, seed, slot, name) for (e, h, seed), (_, named) in trials.items() for slot, name in named.items()},
    "stage": {(key, kind, published.get(key)) for key, kind in stages.items()},
    "stage_input": inputs,
    "run": run_rows,
    "artifact": artifacts,
    "point": {name + (step, value) for name, series in points.items() for step, value in series.items()},
    "summary": summaries,
    "sample": samples,
    "tag": {subject for subject, (_, _, _, stands) in words.items() if stands},
}
queries = {
    "experiment": "SELECT name, question, source, baseline FROM experiment",
    "cell": "SELECT experiment, cell_hash, cell, current FROM v_cell",
    "cell_axis": "SELECT e.name, c.hash, a.axis, a.point FROM cell_axis a JOIN cell c ON c.id = a.cell JOIN experiment e ON e.id = c.experiment",
    "option": "SELECT e.name, c.hash, o.key, o.value, o.origin FROM option o JOIN cell c ON c.id = o.cell JOIN experiment e ON e.id = c.experiment",
    "trial": "SELECT experiment, cell_hash, seed, current FROM v_trial",
    "trial_stage": "SELECT t.experiment, t.cell_hash, t.seed, x.slot, s.key FROM trial_stage x JOIN v_trial t ON t.id = x.trial JOIN stage s ON s.id = x.stage",
    "stage": "SELECT key, kind, published FROM stage",
    "stage_input": "SELECT s.key, x.slot, i.key FROM stage_input x JOIN stage s ON s.id = x.stage JOIN stage i ON i.id = x.input",
    "run": "SELECT s.key, r.n, r.from_step, CASE WHEN r.ended IS NOT NULL OR r.state = 'failed' THEN r.state END, r.error, r.exit_code, r.seconds FROM run r JOIN stage s ON s.id = r.stage",
    "artifact": "SELECT s.key, a.run, a.name, a.sha256, a.bytes FROM artifact a JOIN stage s ON s.id = a.stage",
    "point": "SELECT s.key, m.kind, m.name, m.revision, p.step, p.value FROM point p JOIN stage s ON s.id = p.stage JOIN metric m ON m.id = p.metric",
    "summary": "SELECT s.key, m.kind, m.name, m.revision, y.n, y.n_nan, y.last, y.min, y.max, y.sum, y.steps FROM summary y "
               "JOIN stage s ON s.id = y.stage JOIN metric m ON m.id = y.metric",
    "tag": "SELECT kind, experiment, cell_hash, seed, stage, text FROM v_tag",
    "sample": "SELECT s.key, a.idx, a.noise_seed, a.label, a.ids, a.commit_step, a.logprob, a.png FROM sample a JOIN stage s ON s.id = a.stage",
}

database = sqlite3.connect("file:" + os.path.join(results, "tessera.db") + "?mode=ro", uri=True)
wrong = 0
for table, sql in queries.items():
    rows = list(map(tuple, database.execute(sql)))
    found = set(rows)
    if len(found) != len(rows):
        print(f"{table}: {len(rows) - len(found)} rows stand twice")
        wrong += 1
    for what, difference in (("missing", expected[table] - found), ("unexpected", found - expected[table])):
        for row in sorted(difference, key=repr)[:5]:
            print(f"{table}: {what} {row}")
        wrong += len(difference)
print(f"{sum(map(len, expected.values()))} rows expected, {wrong} differences")
sys.exit(1 if wrong else 0)
