"""A results folder in which everything happens that a report shows, written line by line as hosts and fronts write it: three arms and
three seeds on one tokenizer, curves, samples with pictures, calibration, a failed prior, NaN, notes. Every name is hostile if asked for:
markup that would run a script, the marks of the page's template, quotes.

report_ledger.py FOLDER [--hostile]
"""
import base64
import hashlib
import json
import math
import pathlib
import random
import struct
import sys

ATTACKS = ["<script>window.owned=1</script>", "</script><script>window.owned=1</script>", "<img src=x onerror=window.owned=1>", "<!--<script>",
           "\"'><svg onload=window.owned=1>", "{{script}}", "&lt;b&gt;", "$(touch owned) `touch owned`"]


class Journal:
    def __init__(self, folder, path, uuid, begin):
        self.file = folder / path
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.lines = []
        self.add(t="begin", format=1, uuid=uuid, **begin)
        (folder / "live").mkdir(exist_ok=True)
        (folder / "live" / uuid).write_text(path)

    def add(self, **line):
        self.lines.append(json.dumps({**line, "q": len(self.lines)}))

    def metric(self, name, goal="none", unit="", axis="step", timing=False, definition="of a test"):
        self.add(t="metric", name=name, axis=axis, goal=goal, unit=unit, timing=timing, definition=definition, revision=1)

    def end(self, state="done", error=""):
        self.add(t="end", state=state, error=error, exit=0 if state == "done" else 1, time=2000.5, seconds=10.25, cpu_seconds=20.5)
        self.file.write_text("\n".join(self.lines) + "\n")


def safetensors(arrays):
    header, blob = {}, b""
    for name, (shape, data) in arrays.items():
        header[name] = {"dtype": "U8", "shape": shape, "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + blob


class Results:
    def __init__(self, folder, hostile):
        self.folder, self.hostile, self.said = pathlib.Path(folder), hostile, 0

    def name(self, plain):
        """The name as it is, or with an attack behind it: another one each time."""
        if not self.hostile:
            return plain
        self.said += 1
        return plain + ATTACKS[self.said % len(ATTACKS)]

    def stage(self, kind, key, fill, files=None, state="done", error=""):
        run = Journal(self.folder, f"stages/{kind}-{key}/runs/1/journal.jsonl", f"run-{key}", {
            "what": "run", "stage": key, "kind": kind, "n": 1, "from_step": 0, "parts": {"key": key}, "inputs": {}, "seed": 7, "time": 1001.0,
            "env": {"host": self.elsewhere, "torch": "2.11.0"}, "plugins": {"prior": {"id": self.plugin, "file": "gpt.so", "sha256": "ab" * 32, "revision": 3}}})
        fill(run)
        if state == "done":
            place = self.folder / f"stages/{kind}-{key}"
            outputs = {}
            for file, content in (files or {}).items():
                (place / "runs/1/out").mkdir(exist_ok=True)
                (place / "runs/1/out" / file).write_bytes(content)
                outputs[file] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            run.add(t="publish", outputs=outputs, inputs={})
            (place / "stage.json").write_text(json.dumps({"format": 1, "kind": kind, "key": key, "run": 1, "parts": {"key": key}, "inputs": {},
                                                          "outputs": outputs, "plugins": {}}))
        run.end(state, error)

    def write(self):
        draw = random.Random(1)
        self.elsewhere, self.plugin = self.name("elsewhere"), self.name("gpt")
        experiment, question = self.name("quick"), self.name("Does it work?")
        arms = [self.name(arm) for arm in ("causal", "masked", "halton")]
        cells = [f"{arm}, width={width}" for arm in arms for width in (64, 128)]
        frechet, loss, unit, option, width = (self.name(plain) for plain in ("frechet", "loss", "bits", "prior.layers", "width"))
        front = Journal(self.folder, "fronts/front-1.jsonl", "front-1", {"what": "front", "argv": ["tessera", "run"], "time": 950, "env": {"host": self.elsewhere, "pid": 1}})
        front.add(t="experiment", name=experiment, question=question, source=self.name("q.toml"), baseline=arms[0])
        for i, cell in enumerate(cells):
            options = [["prior.width", (64, 128)[i % 2], "q.toml:3:1"], [option, 2 + i // 2, "q.toml:4:1"], ["prior.plugin", self.plugin, "default"],
                       ["prior.dropout", 0.1, "cli"]]
            front.add(t="cell", experiment=experiment, hash=f"h{i}", label=cell, axes={"arm": arms[i // 2], width: str((64, 128)[i % 2])}, options=options)
        for i in range(len(cells)):
            for seed in range(3):
                front.add(t="trial", experiment=experiment, cell=f"h{i}", seed=seed, stages={
                    "tokenizer": "t0", "prior": f"p{i}{seed}", "evaluation.tokenizer": "et0", "evaluation.prior": f"e{i}{seed}", "samples.free": f"s{i}{seed}",
                    "evaluation.samples.free": f"f{i}{seed}", "evaluation.calibration": "c0"})
        front.add(t="tag", target=f"{experiment}/{cells[0]}/0", experiment=experiment, cell="h0", seed=0, text=self.name("keep"), time=960)
        front.add(t="note", target=experiment, experiment=experiment, text=self.name("The first look."), time=961)
        front.end()
        self.stages(draw, len(cells), frechet, loss, unit)
        return experiment

    def stages(self, draw, cells, frechet, loss, unit):
        def pixels(n):
            return bytes(draw.randrange(256) for _ in range(n * 3 * 8 * 8))

        def curve(run, steps, level):
            run.metric(loss, "min", unit, definition=self.name("Mean over the batch"))
            run.metric("lr")
            for step in range(1, steps + 1):
                run.add(t="step", s=step, v={loss: level + 3 * math.exp(-step / 40) + draw.gauss(0, 0.05), "lr": 1e-3 * step / steps})

        def scores(values):
            def fill(run):
                for name, (goal, value) in values.items():
                    run.metric(name, goal, "")
                run.add(t="step", s=0, v={name: value for name, (_, value) in values.items()})
            return fill

        images = {"originals": ([16, 3, 8, 8], pixels(16)), "images": ([16, 3, 8, 8], pixels(16))}
        self.stage("tokenizer", "t0", lambda run: curve(run, 700, 0.2))
        self.stage("evaluation", "et0", scores({"psnr": ("max", 21.5)}), {"reconstructions.safetensors": safetensors(images)})
        self.stage("evaluation", "c0", scores({f"real.{frechet}": ("none", 0.11), f"shuffled.{frechet}": ("none", 0.53)}))
        for i in range(cells):
            for seed in range(3):
                last = i == cells - 1 and seed == 2
                self.stage("prior", f"p{i}{seed}", lambda run, i=i: curve(run, 300, 2 + 0.2 * i), state="failed" if last else "done", error=self.name("it broke") if last else "")
                if last:
                    continue
                self.stage("evaluation", f"e{i}{seed}", scores({"bits_per_token": ("min", 4 + 0.2 * i + draw.gauss(0, 0.02))}))
                def sampled(run, i=i):
                    scores({"evaluations": ("min", 8 * (i + 1)), "token_forwards": ("min", 64 * (1 + i // 2))})(run)
                    run.add(t="sample", i=0, noise_seed=11, label=-1, ids=[1, 2], commit=[0, 1], logp=-12.5, png=base64.b64encode(b"a picture").decode())

                self.stage("samples", f"s{i}{seed}", sampled,
                           {"samples.safetensors": safetensors({"images": ([16, 3, 8, 8], pixels(16))})})
                nan = i == 1 and seed == 1
                self.stage("evaluation", f"f{i}{seed}", scores({frechet: ("min", "nan" if nan else 0.4 - 0.05 * i + draw.gauss(0, 0.02)), "recall": ("max", 0.5 - 0.05 * i + draw.gauss(0, 0.02))}))


def main():
    print(Results(sys.argv[1], "--hostile" in sys.argv[2:]).write())


if __name__ == "__main__":
    main()
