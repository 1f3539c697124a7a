"""Twenty fronts started at once on a new folder, and the same file run again: one ledger, no error, nothing twice.

Usage: fronts_test.py BIN_FOLDER [FRONTS]
"""
import glob
import os
import sys
import time

from double_bench import DoubleBench, published, runs_of


def crowd(bench, fronts):
    """They run one file with nothing cached, while others ask."""
    results = bench.fresh()
    os.mkdir(results)
    began = time.perf_counter()
    started = [bench.start(results, "run", bench.file) for _ in range(fronts)]
    asking = [bench.start(results, *words) for words in (["ls"], ["query", "@failed"], ["query", "SELECT count(*) FROM v_score"]) for _ in range(4)]
    for process in started + asking:
        out, err = process.communicate(timeout=300)
        # Nobody waits for the lock of another recorder for ever, and says so; on this machine nobody waits so long.
        assert process.returncode == 0 and err in ("", "tessera: no row answers this\n"), f"{process.args}: {process.returncode}: {err}{out[-1000:]}"
    seconds = time.perf_counter() - began
    stages = published(results)
    runs = {stage: runs_of(stage) for stage in stages}
    assert stages.keys() and len(stages) == len(glob.glob(f"{results}/stages/*")), "a stage is unfinished"
    # A lease saves work: no stage is computed twice, whoever asked for it.
    twice = {stage: found for stage, found in runs.items() if found != [1]}
    assert not twice, f"computed more than once: {twice}"
    bench.call(results, "ls")  # a reader that held the database open kept the last front from putting it at rest
    assert glob.glob(f"{results}/tessera.db*") == [f"{results}/tessera.db"], os.listdir(results)
    assert len(os.listdir(f"{results}/fronts")) == fronts
    rows = bench.rows(results, "SELECT (SELECT count(*) FROM front WHERE state = 'done') AS fronts, (SELECT count(*) FROM run) AS runs, "
                      "(SELECT count(*) FROM journal WHERE ended) AS journals, (SELECT count(*) FROM v_trial WHERE state = 'done') AS trials")
    assert rows == [{"fronts": fronts, "runs": len(stages), "journals": fronts + len(stages), "trials": 4}], rows
    bench.call(results, "db", "check")
    alone = bench.fresh()
    bench.call(alone, "run", bench.file)
    assert bench.digest(results) == bench.digest(alone), "the ledger of the crowd differs from that of one front"
    print(f"{fronts} fronts and {len(asking)} questions at once: {len(stages)} stages, each computed once, {seconds:.1f} s")
    return alone


def again(bench, results):
    """Nothing to do is done at once; a comment is no change; what an option reaches runs anew, and nothing else."""
    before = published(results)

    def run(expected, reused):
        began = time.perf_counter()
        said = bench.call(results, "run", bench.file)
        seconds = time.perf_counter() - began
        assert f"{expected} of {expected + reused} stages to run, {reused} reused" in said, said[:300]
        return seconds

    seconds = run(0, len(before))
    assert seconds <= 1.0, f"0 stages took {seconds:.2f} s, more than twice the bar of 0.5 s"
    with open(bench.file) as file:
        text = file.read()
    with open(bench.file, "w") as file:
        file.write("# a comment\n" + text)
    commented = run(0, len(before))
    assert published(results) == before
    with open(bench.file, "w") as file:
        file.write(text.replace("[prior]\n", "[prior]\nlayers = 2\n"))
    prior = [stage for stage in before if "/prior-" in stage or "/samples-" in stage]
    run(16, 9)  # 4 trials: prior, samples and an evaluation of each; the tokenizer's and the data's are as they were
    added = [stage for stage in published(results) if stage not in before]
    kinds = sorted({os.path.basename(stage).split("-")[0] for stage in added})
    assert kinds == ["evaluation", "prior", "samples"] and len(added) == 2 * len(prior), added
    assert all(runs_of(stage) == [1] for stage in published(results))
    print(f"run again: 0 stages, {seconds * 1000:.0f} ms (bar 500 ms); a comment changed: 0 stages, {commented * 1000:.0f} ms; "
          f"prior.layers changed: {len(added)} stages, the tokenizer reused")


def main():
    with DoubleBench(sys.argv[1]) as bench:
        again(bench, crowd(bench, int(sys.argv[2]) if len(sys.argv) > 2 else 20))


if __name__ == "__main__":
    main()
