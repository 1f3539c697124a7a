"""Sixteen writers journal at full rate while others record, query, compare, report, export and read the database as Datasette does.

No row is lost or doubled, and nobody meets an error: what each writer says it wrote is held against the ledger, stage by stage.
Usage: writers_test.py BIN_FOLDER [SECONDS [WRITERS]]      60 seconds by hand
"""
import collections
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

from double_bench import scratch_folder

LEDGER = """SELECT s.key, (SELECT count(*) FROM point p WHERE p.stage = s.id), (SELECT sum(value) FROM point p WHERE p.stage = s.id),
  (SELECT sum(y.n) FROM summary y WHERE y.stage = s.id), (SELECT sum(y.sum) FROM summary y WHERE y.stage = s.id),
  (SELECT count(*) FROM sample a WHERE a.stage = s.id), (SELECT count(*) FROM event e JOIN run r ON r.journal = e.journal WHERE r.stage = s.id),
  (SELECT sum(j.lines) FROM run r JOIN journal j ON j.id = r.journal WHERE r.stage = s.id),
  (SELECT count(*) FROM run r WHERE r.stage = s.id AND r.state = 'done'), s.published FROM stage s"""
ASKED = [["query", "@best"], ["compare", "full_rate"], ["query", "SELECT count(*), sum(value) FROM v_curve WHERE metric = 'scalar_0'"], ["ls", "full_rate"],
         ["report", "full_rate", "--no-pictures", "-o", os.devnull], ["export", "full_rate"]]
PAGES = ["SELECT name FROM sqlite_master", "SELECT count(*) FROM point", "SELECT * FROM v_trial LIMIT 101", "SELECT * FROM v_score LIMIT 101",
         "SELECT metric, count(*) AS n FROM (SELECT metric FROM point LIMIT 100000) GROUP BY metric ORDER BY n DESC LIMIT 31",
         "SELECT sum(n) FROM summary", "SELECT * FROM sample ORDER BY idx LIMIT 101"]


class Watchers:
    """Threads that go on until told to stop; what they met."""

    def __init__(self, front, results):
        self.front, self.results, self.stopped = front, results, threading.Event()
        self.errors, self.counts, self.slowest = [], collections.Counter(), collections.Counter()
        self.threads = [threading.Thread(target=self.guarded, args=(self.ask, words)) for words in ASKED]
        self.threads += [threading.Thread(target=self.guarded, args=(self.read, number)) for number in range(3)]
        for thread in self.threads:
            thread.start()

    def guarded(self, act, argument):
        try:
            act(argument)
        except Exception as error:  # noqa: an error of anyone is what this looks for
            self.errors.append(f"{act.__name__} {argument}: {error!r}")

    def ask(self, words):
        while not self.stopped.is_set():
            began = time.perf_counter()
            done = subprocess.run([self.front, *words, "--results", self.results], capture_output=True, text=True)
            # "shown as it was last recorded", or "as far as it is", is a true answer while others write faster than one records.
            late = done.stderr.startswith("tessera: the ledger is shown as ") and done.stderr.count("\n") == 1
            if done.returncode != 0 or (done.stderr and not late):
                self.errors.append(f"tessera {' '.join(words)}: {done.returncode}: {done.stderr}")
            self.counts["questions"] += 1
            self.counts["answered with what was recorded by then"] += late
            self.slowest[words[0]] = max(self.slowest[words[0]], time.perf_counter() - began)
            time.sleep(0.05)

    def read(self, number):
        """Connections that stay open, read-only, as those of a Datasette."""
        path = os.path.join(self.results, "tessera.db")
        while not os.path.exists(path):
            time.sleep(0.005)
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        seen = 0
        while not self.stopped.is_set():
            for page in PAGES:
                rows = connection.execute(page).fetchall()
                self.counts["pages"] += 1
                if page == PAGES[1]:
                    assert rows[0][0] >= seen, f"{seen} points were there, then {rows[0][0]}"
                    seen = rows[0][0]
            time.sleep(0.02 * (number + 1))
        connection.close()

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def differences(written, rows):
    """Of what the writers say and what the ledger holds, stage by stage."""
    found = {row[0]: row[1:] for row in rows}
    wrong = [f"{key}: not in what the writers wrote" for key in found.keys() - written.keys()]
    for key, said in written.items():
        expected = (said["points"], said["sum"], said["points"], said["sum"], said["samples"], said["events"], said["lines"], 1, 1)
        if found.get(key) != expected:
            wrong.append(f"{key}: found {found.get(key)}, expected {expected}")
    return wrong


def main():
    bin_folder, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 60
    writers = int(sys.argv[3]) if len(sys.argv) > 3 else 16
    front, results = os.path.join(bin_folder, "tessera"), scratch_folder(0.5 * seconds)
    try:
        def write(number, seconds):
            return subprocess.Popen([os.path.join(bin_folder, "full_rate_writer"), results, str(number), str(seconds)],
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        # One stage is there and recorded before the crowd comes: whoever asks finds the experiment.
        processes = [write(writers, 0.01)]
        processes[0].wait()
        subprocess.run([front, "ls", "--results", results], check=True, stdout=subprocess.DEVNULL)
        began = time.perf_counter()
        processes += [write(number, seconds) for number in range(writers)]
        watchers = Watchers(front, results)
        said = [process.communicate() for process in processes]
        wrote = time.perf_counter() - began
        watchers.stop()
        for process, (_, err) in zip(processes, said):
            assert process.returncode == 0 and not err, err
        assert not watchers.errors, "\n".join(watchers.errors[:20])
        written = {line["stage"]: line for out, _ in said for line in map(json.loads, out.splitlines())}
        began = time.perf_counter()
        # A question waits 5 s for another recorder, records 5 s itself, and asks; on two cores that eighteen others share.
        assert max(watchers.slowest.values()) < 60, watchers.slowest
        check = subprocess.run([front, "record", "--results", results], capture_output=True, text=True)
        assert check.returncode == 0 and not check.stderr, check.stderr
        behind = time.perf_counter() - began
        assert sorted(os.listdir(results)) == [".record.lock", "fronts", "live", "stages", "tessera.db"], os.listdir(results)
        assert not os.listdir(os.path.join(results, "live"))
        with sqlite3.connect(os.path.join(results, "tessera.db")) as database:
            rows = database.execute(LEDGER).fetchall()
        wrong = differences(written, rows)
        assert not wrong, f"{len(wrong)} of {len(written)} stages:\n" + "\n".join(wrong[:10])
        # The comparison can fail: a row less, a row more.
        for more in (-1, 1):
            changed = dict(written, **{rows[0][0]: dict(written[rows[0][0]], points=written[rows[0][0]]["points"] + more)})
            assert len(differences(changed, rows)) == 1
        points, lines = sum(w["points"] for w in written.values()), sum(w["lines"] for w in written.values())
        print(f"{writers} writers, {wrote:.0f} s: {len(written)} stages, {lines} lines ({lines / wrote:.0f}/s), {points} points; the last were recorded "
              f"{behind:.1f} s after the end")
        print(f"meanwhile {dict(watchers.counts)}; slowest, s: { {verb: round(s, 1) for verb, s in watchers.slowest.items()} }")
        print("no row lost, none doubled, no error")
    finally:
        shutil.rmtree(results)


if __name__ == "__main__":
    main()
