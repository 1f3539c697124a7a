#!/usr/bin/python3
"""Writes experiment_reference.md from what the programs declare: generate_reference.py BIN_FOLDER [--check]

BIN_FOLDER holds tessera and tessera-host. --check writes nothing and fails where the committed page differs.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

PAGE = pathlib.Path(__file__).with_name("experiment_reference.md")
KINDS = [("encoder", "tokenizer.encoder"), ("quantizer", "tokenizer.quantizer"), ("prior", "prior"), ("sampling", "sampling")]
SECTION_TEXT = {
    "data": "Which images, at which size, and how they are split.",
    "tokenizer": "Seed of the tokenizer; encoder and quantizer have sections of their own.",
    "tokenizer.loss": "What the tokenizer is trained on.",
    "tokenizer.train": "How the tokenizer is trained.",
    "prior": "Beside the options of the prior's plugin.",
    "prior.train": "How the prior is trained.",
    "sampling": "Beside the options of the strategy's plugin.",
    "sampling.logits": "What happens to logits before a draw.",
    "evaluate": "What is measured, and on how much.",
}
HEAD = """# Experiment-file reference

Generated from the declarations of the engine and of the built-in plugins by `framework/docs/generate_reference.py`; do not edit.

## The file
| key | meaning |
|---|---|
| `question` | what the experiment asks, in a sentence |
| `extends` | plain files that come first, later ones win: `["presets/a.toml"]`, relative to this file |
| `seeds` | number of repeats (`5` is 0…4), or a list of seeds |
| `baseline` | the arm that `tessera compare` measures from, or what labels of cells begin with |
| `[arm.NAME]` | a variant: keys set in it hold in this arm only; an empty one is the file as it stands |
| `[arm.NAME.grid]` | lists of values that vary in this arm only |
| `[grid]` | `key = [a, b]`: each key is an axis |
| `[zip.NAME]` | one axis: lists of equal length that move together |
| `[ablate.NAME]` | one axis of all of them: nothing changed, then each factor alone |
| `[random]` | one axis of `cap` random points: `key = {min = 1, max = 8}` (integers or numbers; `log = true` for the logarithm) or `key = {values = [a, b]}`; `seed` draws others, a larger `cap` adds points |
| `[[exclude]]` | leaves out the cells where all of its keys have these values; `arm` and other axes count as keys. One that leaves out nothing is an error |
| `[SECTION]` | options, as listed below; `"${tokenizer.train.steps}"` takes the value of another key |

Layers: defaults < `extends` < file < arm and other axes. Cells are the product of the axes; no key may be set by two of them. On the command line `key=value` changes the file's layer, `key=a,b` makes an axis, `~key`
takes a key out. When a later layer changes a plugin, options of the same name and type carry over and the others lapse;
`tessera plan` lists them. A key that nobody declares is an error.

*Effect*: what a change touches — the network (`architecture`), its training (`training`), or only its use (`inference`).
"""
RUN_TEXT = """How stages are run, not what they compute: no key of a stage changes with them. In the file, or as words: `run.retries=2`; `-j N` is
short for `run.jobs=N`."""


def call(*argv, **environment):
    return subprocess.run(argv, check=True, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **environment}).stdout


def value(v):
    return "`" + json.dumps(v, ensure_ascii=False) + "`"


def table(options):
    if not options:
        return "No options.\n"
    lines = ["| option | type | default | effect | meaning |", "|---|---|---|---|---|"]
    for option in options:
        bounds = [f"at least {option['min']:g}"] if "min" in option and "max" not in option else []
        if "min" in option and "max" in option:
            bounds = [f"{option['min']:g} to {option['max']:g}"]
        elif "max" in option:
            bounds = [f"at most {option['max']:g}"]
        if option.get("choices"):
            bounds = ["one of " + ", ".join(f"`{c}`" for c in option["choices"])]
        doc = option["doc"].replace("|", "\\|") + (f" ({'; '.join(bounds)})" if bounds else "")
        lines.append(f"| `{option['name']}` | {option['type']} | {value(option['default'])} | {option['effect']} | {doc} |")
    return "\n".join(lines) + "\n"


def page(programs):
    engine = json.loads(call(str(programs / "tessera-host"), "--engine"))
    with tempfile.TemporaryDirectory() as cache:
        plugins = json.loads(call(str(programs / "tessera"), "plugins", "--json", TESSERA_CACHE=cache))
    run = json.loads(call(str(programs / "tessera"), "--run-options"))
    parts = [HEAD, "## [run]", RUN_TEXT, table(run)]
    for name, options in sorted(engine["sections"].items()):
        parts += [f"## [{name}]", SECTION_TEXT[name], table(options)]
        if name == "data":
            for source, declared in sorted(engine["data_sources"].items()):
                parts += [f"### data.source = \"{source}\"", declared["summary"] + ".", table(declared["options"])]
    for kind, section in KINDS:
        parts.append(f"## [{section}] plugins")
        for plugin in sorted((p for p in plugins if p["type"] == "plugin" and p["kind"] == kind), key=lambda p: p["id"]):
            paper = f" [arXiv:{plugin['paper']}](https://arxiv.org/abs/{plugin['paper']})" if plugin["paper"] else ""
            parts += [f"### {section}.plugin = \"{plugin['id']}\"", plugin["summary"].rstrip(".") + "." + paper, table(plugin["options"])]
    parts += ["## Metrics", metrics(engine["metrics"])]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def metrics(declared):
    lines = ["| metric | of | axis | better | unit | definition |", "|---|---|---|---|---|---|"]
    for metric in declared:
        better = {"min": "lower", "max": "higher"}.get(metric["goal"], "–")
        definition = metric["definition"].replace("|", "\\|")
        lines.append(f"| `{metric['id']}` | {metric['subject']} | {metric['axis']} | {better} | {metric['unit'] or '–'} | {definition} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    text = page(pathlib.Path(sys.argv[1]).resolve())
    if "--check" not in sys.argv:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit(f"{PAGE.name} is not what the programs declare; run framework/docs/generate_reference.py {sys.argv[1]}")
