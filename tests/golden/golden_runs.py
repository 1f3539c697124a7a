"""Golden mini-runs: a few steps of every plugin and stage give the numbers of golden.json, or a revision was raised.

Results are reused by stage keys, and a key knows code by its revision alone: where numbers move and the revision does not, old
and new results would be taken for the same. Runs are so short that rounding errors stay below 2e-6 even between SSE4 and
AVX-512, while lr x 1.01 moves weights by 1e-2; the tolerance lies between. Such mutants are run too, and must be found.
Usage: golden_runs.py BIN_FOLDER [--write]   (--write replaces golden.json, unless numbers moved without a revision)
"""
import array
import copy
import glob
import hashlib
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RUNS, GOLDEN = os.path.join(HERE, "runs.toml"), os.path.join(HERE, "golden.json")
TOLERANCE = 1e-4
SKIPPED = 77
MUTANTS = {"mutant_tokenizer_lr": "ema_gpt tokenizer", "mutant_prior_lr": "ema_gpt prior", "mutant_beta": "ema_gpt tokenizer"}
REWRITE = "python3 tests/golden/golden_runs.py build/release/bin --write"

# MKL computes alike on CPUs of all makers only in its compatible mode. Our own SIMD kernel, nearest_code, needs no pin: it adds
# in the same order at every vector width.
PINNED = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "COMPATIBLE"}


def tessera(bin_folder, *arguments):
    env = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")} | PINNED
    done = subprocess.run([os.path.join(bin_folder, "tessera"), *arguments], env=env, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"tessera {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def journal_lines(path):
    with open(path) as journal:
        return [json.loads(line) for line in journal]


def norms(path):
    """L2 norm of each tensor of a safetensors file."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        body = file.read()
    found = {}
    for name, tensor in header.items():
        if name != "__metadata__":
            values = array.array({"F32": "f", "I32": "i", "I64": "q", "U8": "B"}[tensor["dtype"]])
            values.frombytes(body[slice(*tensor["data_offsets"])])
            found[f"norm of {name}"] = math.sqrt(sum(value * value for value in values))
    return found


def read_numbers(folder, lines):
    """Scalars of the journal (lists in the order of the steps) and norms of what was published."""
    clocks = {line["name"] for line in lines if line["t"] == "metric" and line["timing"]}
    numbers = {}
    for line in lines:
        for name, value in line["v"].items() if line["t"] == "step" else ():
            if name != "lr" and name not in clocks:  # lr is given, not found: a mutant must not be known by it
                numbers.setdefault(name, []).append(value)
    if lines[0]["kind"] != "evaluation":
        for path in sorted(glob.glob(f"{folder}/out/*.safetensors")):
            numbers |= norms(path)
    return numbers


def read_revisions(parts):
    """What of the code a stage's key knows."""
    revisions = {f"{parts['stage']} stage": parts["revision"]} if "revision" in parts else {}
    for kind, plugin in parts.get("plugins", {}).items():
        revisions[f"{kind} {plugin['id']}"] = plugin.get("revision", 0)  # 0: none is declared
    for metric in parts.get("metrics", []):
        revisions[f"{parts['subject']} metric {metric['id']}"] = metric["revision"]
    return revisions


class Run:
    """stages: name -> {numbers, revisions, inputs: names}, inputs first."""

    def __init__(self, results):
        self.stages, self.basis, self.builds, names, cells = {}, {}, set(), {}, {}
        for line in journal_lines(glob.glob(f"{results}/fronts/*.jsonl")[0]):
            if line["t"] == "cell":
                cells[line["hash"]] = line["label"]
            elif line["t"] == "trial":
                for slot, key in line["stages"].items():
                    names.setdefault(key, f"{cells[line['cell']]} {slot}")
        order = ["data", "tokenizer", "tokens", "prior", "samples", "evaluation"]
        for key, name in sorted(names.items(), key=lambda item: order.index(item[1].split()[1].split(".")[0])):
            folder = glob.glob(f"{results}/stages/*-{key}")[0]
            with open(f"{folder}/stage.json") as file:
                stage = json.load(file)
            folder = f"{folder}/runs/{stage['run']}"
            lines = journal_lines(f"{folder}/journal.jsonl")
            self.note_basis(stage, lines[0]["env"])
            self.stages[name] = {"numbers": read_numbers(folder, lines), "revisions": read_revisions(stage["parts"]),
                                 "inputs": [names[i["key"]] for i in stage["inputs"].values()]}

    def note_basis(self, stage, env):
        """What numbers rest on beside our code."""
        pinned = {"isa": env["isa"], "threads": env["threads"], "numerics": stage["parts"].get("numerics", {}).get("precision", "fp32")}
        if pinned != {"isa": "AVX2", "threads": 1, "numerics": "fp32"}:
            sys.exit(f"{stage['kind']}-{stage['key']} was computed with {pinned}, expected AVX2, 1 thread, fp32")
        self.basis |= {"torch": env["torch"], "runs.toml": hashlib.sha256(open(RUNS, "rb").read()).hexdigest()[:16]}
        if stage["kind"] == "data":
            self.basis["data"] = stage["parts"]["fingerprint"][:16]
        self.builds.add((env["tessera"], env["build"]))
        self.computed_with = {name: env[name] for name in ("torch", "compiler", "cpu", "isa", "threads")}

    def golden_stages(self):
        return {name: stage for name, stage in self.stages.items() if name.split()[0] not in MUTANTS}

    def revisions(self):
        return {name: revision for stage in self.golden_stages().values() for name, revision in stage["revisions"].items()}


def rounded(value):
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.8g}") if isinstance(value, float) else value


def distance(a, b):
    if not isinstance(a, float) or not isinstance(b, float):  # "nan" and the like
        return 0.0 if a == b else math.inf
    return abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0


def moved(golden, found):
    """[(distance, what, golden, found)] of numbers of the same name that are out of tolerance, farthest first."""
    far = []
    for name in golden.keys() & found.keys():
        a, b = ([v] if not isinstance(v, list) else v for v in (golden[name], found[name]))
        if len(a) != len(b):
            far.append((math.inf, f"how often there is {name}", len(a), len(b)))
        far += [(distance(x, y), name if len(a) == 1 else f"{name} ({i} of {len(a)})", x, y) for i, (x, y) in enumerate(zip(a, b), 1)]
    return sorted((item for item in far if item[0] > TOLERANCE), key=lambda item: (-item[0], item[1]))


def revisions_behind(stages, name):
    """Its own first, then those of everything it was computed from."""
    revisions = dict(stages[name]["revisions"])
    for given in stages[name]["inputs"]:
        revisions |= revisions_behind(stages, given) | revisions
    return revisions


def only_in_one(what, golden, found):
    return [f"{what} {where}: {', '.join(sorted(names))}: run {REWRITE}"
            for where, names in (("only in golden.json", golden - found), ("not in golden.json", found - golden)) if names]


def compare(golden, stages, revisions, basis):
    """(sentences about numbers that moved on their own, sentences about golden numbers that are out of date)"""
    outdated = only_in_one("revisions", golden["revisions"].keys(), revisions.keys())
    outdated += only_in_one("stages", golden["stages"].keys(), stages.keys())
    outdated += [f"{name}: golden numbers belong to revision {golden['revisions'][name]}, this is revision {revision}: run {REWRITE}"
                 for name, revision in revisions.items() if golden["revisions"].get(name, revision) != revision]
    far = {}
    for name in stages.keys() & golden["stages"].keys():
        known, found = golden["stages"][name], stages[name]["numbers"]
        outdated += only_in_one(f"{name}: numbers", known.keys(), found.keys())
        if numbers := moved(known, found):
            far[name] = numbers
    rests_on = [name for name in golden["basis"] if golden["basis"][name] != basis[name]]
    if far and rests_on:
        return [], outdated + [f"numbers of {len(far)} in {len(stages)} stages moved; golden ones belong to "
                               f"{name} {golden['basis'][name]}, this is {basis[name]}: run {REWRITE}" for name in rests_on]

    alone, following = [], 0
    for name in (name for name in stages if name in far):
        if any(given in far for given in stages[name]["inputs"]):
            following += 1
            continue
        behind = revisions_behind(stages, name)
        # Of an evaluation's metrics, those that moved.
        names = {what.split(" (")[0] for _, what, _, _ in far[name]}
        behind = {code: revision for code, revision in behind.items() if " metric " not in code or code.split()[-1] in names}
        if all(golden["revisions"].get(code) == revision for code, revision in behind.items()):
            by, what, a, b = far[name][0]
            alone.append(f"{name}: {len(far[name])} of its numbers moved, most of all {what}: golden {a}, now {rounded(b)}, {by:.1e} apart "
                         f"({TOLERANCE:.0e} is allowed). Its revisions are still "
                         f"{', '.join(f'{code} {revision}' for code, revision in behind.items())}: "
                         f"raise the revision of what changed and run {REWRITE}")
    if alone and following:
        alone.append(f"Computed from these, and moved with them: {following} more")
    return alone, outdated


def check_mutants(golden, run):
    """Each mutant in the place of its original must move a loss and a weight, and be excused by a raised revision alone."""
    for arm, original in MUTANTS.items():
        stages = copy.deepcopy(run.golden_stages())
        stages[original]["numbers"] = run.stages[f"{arm} {original.split()[1]}"]["numbers"]
        found = {what.split(" (")[0] for _, what, _, _ in moved(golden["stages"][original], stages[original]["numbers"])}
        if "loss" not in found or not any(name.startswith("norm of ") for name in found):
            return f"{arm}: expected loss and a weight of {original} to move, found {sorted(found)}: this test is blind"
        alone, _ = compare(golden, stages, run.revisions(), golden["basis"])
        if len(alone) != 1 or not alone[0].startswith(f"{original}: "):
            return f"{arm}: expected to hear of {original} alone, heard {alone}"

        code = f"{original.split()[1]} stage"
        for stage in stages.values():
            stage["revisions"] = {name: revision + (name == code) for name, revision in stage["revisions"].items()}
        alone, outdated = compare(golden, stages, run.revisions() | {code: run.revisions()[code] + 1}, golden["basis"])
        if alone or len(outdated) != 1 or not outdated[0].startswith(f"{code}: golden numbers belong to revision "):
            return f"{arm}: expected to hear of the raised revision of {code} alone, heard {alone + outdated}"
    return ""


def wrong_builds(run, bin_folder):
    """Every run must name the version and the build ids of the programs that made it, as compare shows where they differ."""
    ids = []
    for file in (os.path.join(bin_folder, "tessera-host"), os.path.join(os.path.dirname(bin_folder), "lib", "libtessera_sdk.so")):
        notes = subprocess.run(["readelf", "-n", file], capture_output=True, text=True, check=True).stdout
        ids.append(notes.split("Build ID:")[1].split()[0][:12])
    expected = {(tessera(bin_folder, "--version").split()[-1], "+".join(ids))}
    return [] if run.builds == expected else [f"runs name the builds {sorted(run.builds)}, the programs are {sorted(expected)}"]


def golden_of(run):
    stages = {name: {what: rounded(value) for what, value in stage["numbers"].items()} for name, stage in run.golden_stages().items()}
    return {"command": REWRITE, "computed_with": run.computed_with | PINNED, "basis": run.basis, "revisions": run.revisions(),
            "stages": stages}


def write(golden):
    def text(value, depth):
        if not isinstance(value, dict):
            return json.dumps(value)
        lines = [f"{' ' * depth}{json.dumps(name)}: {text(inner, depth + 1)}" for name, inner in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{' ' * (depth - 1)}}}"

    with open(GOLDEN, "w") as file:
        file.write(text(golden, 1) + "\n")


def main():
    bin_folder = os.path.abspath(sys.argv[1])
    with open("/proc/cpuinfo") as info:
        if " avx2 " not in info.read():
            print("skipped: golden numbers are those of AVX2, which this CPU has not")
            return SKIPPED
    cores = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, cores)  # as many hosts as cores: one thread each
    with tempfile.TemporaryDirectory(prefix="tessera-golden-") as results:
        tessera(bin_folder, "run", RUNS, "--results", results, "-j", str(len(cores)))
        run = Run(results)
        plugins = json.loads(tessera(bin_folder, "plugins", "--json", "--results", results))

    shipped = os.path.join(os.path.dirname(bin_folder), "plugins")
    missing = [f"{p['kind']} {p['id']}: has no golden run: add it to runs.toml and run {REWRITE}"
               for p in plugins if p["file"].startswith(shipped) and f"{p['kind']} {p['id']}" not in run.revisions()]
    with open(GOLDEN) as file:
        golden = json.load(file)
    alone, outdated = compare(golden, run.golden_stages(), run.revisions(), run.basis)
    if "--write" in sys.argv and not alone:
        golden, outdated = golden_of(run), []
        write(golden)
    red = missing + wrong_builds(run, bin_folder) + alone + outdated or [sentence for sentence in [check_mutants(golden, run)] if sentence]
    print("\n".join(red) or f"{len(golden['stages'])} stages as golden to {TOLERANCE:.0e}; mutants found: {', '.join(MUTANTS)}")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
