"""Others read the ledger: the commands, Python and DuckDB of framework/docs/ledger.md, run as they stand there, and Datasette with the
metadata of `tessera db datasette`. Runs in .venv-test.

readers_test.py BIN_FOLDER
"""
import csv
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from report_ledger import Results

import duckdb

root = pathlib.Path(__file__).resolve().parents[2]
guide = (root / "framework/docs/ledger.md").read_text()
guide = guide[guide.index("## Reports, exports"):guide.index("## Rules")]


def fences(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", guide, re.DOTALL | re.MULTILINE)


def other_programs(run, experiment):
    """The documented lines, in a folder where `results` is, with the experiment's name in the place of the quickstart's."""
    commands = [line for fence in fences("sh") for line in fence.splitlines() if line.startswith("tessera ")]
    assert len(commands) == 5, commands
    for line in commands:
        run([*line.replace("quickstart", experiment).replace("psnr bits_per_token", "psnr recall").split()])
    assert "\\toprule" in pathlib.Path("table.tex").read_text() and pathlib.Path("report.html").stat().st_size > 100_000
    (parquet,) = fences("duckdb")
    duckdb.sql(parquet)
    with open("scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 100
    assert duckdb.sql("SELECT count(*) FROM 'scores.parquet'").fetchall() == [(len(rows),)]
    mean = duckdb.sql("SELECT avg(value) FROM 'scores.parquet' WHERE metric = 'recall'").fetchall()[0][0]
    ledger = sqlite3.connect("file:results/tessera.db?mode=ro", uri=True)
    expected = ledger.execute("SELECT avg(value) FROM v_score WHERE metric = 'recall' AND current AND done").fetchone()[0]
    assert abs(mean - expected) < 1e-12, (mean, expected)
    (code,) = fences("python")
    names = {}
    exec(code, names)  # noqa: S102: what the document tells a reader to run
    assert len(names["scores"]) == ledger.execute("SELECT count(*) FROM v_score WHERE current AND done").fetchone()[0] > 100


class Datasette:
    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (line,) = [line for fence in fences("sh") for line in fence.splitlines() if line.startswith("datasette ")]
        self.process = subprocess.Popen([pathlib.Path(sys.executable).parent / "datasette", *line.split()[1:], "--port", str(self.port)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def get(self, path, **fields):
        url = f"http://127.0.0.1:{self.port}{path}" + ("?" + urllib.parse.urlencode(fields) if fields else "")
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert answer.status == 200, f"{url}: {answer.status}"
            return answer.read().decode()

    def wait(self):
        for _ in range(300):
            assert self.process.poll() is None, f"Datasette ended: {self.process.stderr.read()}"
            try:
                return self.get("/-/versions.json")
            except OSError:
                time.sleep(0.1)
        raise AssertionError("Datasette did not answer within 30 s")

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def serve(experiment):
    metadata = json.loads(pathlib.Path("metadata.json").read_text())["databases"]["tessera"]
    assert len(metadata["queries"]) >= 10, "expected ten named queries"
    server = Datasette()
    try:
        server.wait()
        page = server.get("/tessera")
        for name in [*metadata["tables"], *metadata["queries"]]:
            assert f">{name}<" in page, f"the database's page does not name {name}"
        score = server.get("/tessera/v_score")
        for text in ("facet-results", metadata["tables"]["v_score"]["description"][:40], "name of the metric; of a calibration stage"):
            assert text in score, f"the page of v_score lacks {text!r}"
        facets = json.loads(server.get("/tessera/v_score.json"))["facet_results"]
        assert {"experiment", "cell", "metric", "slot"} <= set(facets), facets
        assert {one["value"] for one in facets["experiment"]["results"]} == {experiment}
        fields = {"experiment": experiment, "metric": "loss", "key": "", "level": ""}
        may_be_empty = {"nondeterminism", "events"}
        for name, query in metadata["queries"].items():
            server.get(f"/tessera/{name}")
            answer = json.loads(server.get(f"/tessera/{name}.json", _shape="objects", **{key: fields[key] for key in query["params"]}))
            assert answer["ok"] and (answer["rows"] or name in may_be_empty), f"@{name}: {answer}"
            if "experiment" in query["params"] and name in ("best", "scores", "cost", "provenance"):
                everything = json.loads(server.get(f"/tessera/{name}.json", _shape="objects", experiment="", metric=""))
                assert everything["rows"], f"@{name} with its field left empty: {everything}"
                nothing = json.loads(server.get(f"/tessera/{name}.json", _shape="objects", experiment="no such one", metric=""))
                assert not nothing["rows"], f"@{name} of no experiment: {nothing}"
        return len(metadata["queries"])
    finally:
        server.close()


def main():
    programs = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        experiment = Results("results", hostile=False).write()

        def run(words):
            subprocess.run([programs / words[0], *words[1:]], check=True, stdout=subprocess.DEVNULL)

        other_programs(run, experiment)
        queries = serve(experiment)
        print(f"pandas, DuckDB (and Parquet), Datasette with {queries} named queries: all right")
        os.chdir("/")


if __name__ == "__main__":
    main()
