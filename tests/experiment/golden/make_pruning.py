#!/usr/bin/env python3
"""Makes pruning.json and pruning.sha256: what Optuna's MedianPruner and SuccessiveHalvingPruner decide at each report of trainings that
run one after another or in turns. Run: python3 make_pruning.py, with optuna 5.0.0 and numpy 2.4.6.
"""
import hashlib
import json
import math
import pathlib

import numpy as np
import optuna

HERE = pathlib.Path(__file__).parent


def curves(rng, trainings, steps, nan_share):
    floor = rng.normal(1.0, 0.4, trainings)
    values = floor[:, None] + rng.uniform(0.5, 3, trainings)[:, None] / np.sqrt(steps)[None] + rng.normal(0, 0.05, (trainings, len(steps)))
    values[rng.random(values.shape) < nan_share] = math.nan
    return np.round(values, 4)


def decide(pruner, values, steps, at_once):
    """Events [training, step, value, pruned]; a training without a "pruned" is complete after its last step."""
    study = optuna.create_study(direction="minimize", pruner=pruner)
    waiting, running, events = list(range(len(values))), [], []
    while waiting or running:
        while waiting and len(running) < at_once:
            running.append((waiting.pop(0), study.ask(), [0]))
        for one in list(running):
            index, trial, place = one
            step, value = int(steps[place[0]]), float(values[index][place[0]])
            trial.report(value, step)
            pruned = bool(trial.should_prune())
            place[0] += 1
            events.append([index, step, None if math.isnan(value) else value, int(pruned)])
            if pruned:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                running.remove(one)
            elif place[0] == len(steps):
                study.tell(trial, 0.0)
                running.remove(one)
    return events


def main():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rng = np.random.default_rng(20261122)
    steps = np.arange(1, 41) * 5
    cases = []
    for at_once in [1, 3]:
        for nan_share in [0.0, 0.05]:
            values = curves(rng, 14, steps, nan_share)
            for startup, first in [(5, 0), (2, 50)]:
                pruner = optuna.pruners.MedianPruner(n_startup_trials=startup, n_warmup_steps=first)
                cases.append({"rule": "median", "startup": startup, "first_step": first, "factor": 3, "steps": len(steps),
                              "events": decide(pruner, values, steps, at_once)})
            for factor, first in [(3, 10), (4, 7), (2, 1)]:
                pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=factor)
                cases.append({"rule": "asha", "startup": 5, "first_step": first, "factor": factor, "steps": len(steps),
                              "events": decide(pruner, values, steps, at_once)})
    data = {"optuna": optuna.__version__, "numpy": np.__version__, "cases": cases}
    text = json.dumps(data, separators=(",", ":")).encode()
    (HERE / "pruning.json").write_bytes(text)
    (HERE / "pruning.sha256").write_text(hashlib.sha256(text).hexdigest() + "  pruning.json\n")


if __name__ == "__main__":
    main()
