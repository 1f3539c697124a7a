#!/usr/bin/env python3
"""Makes statistics.json and its SHA256SUMS: what paired comparisons must come to, by implementations that share no code with ours.

scipy.stats.permutation_test (exact, permutation_type "samples") for sign flips, scipy.stats.ttest_rel for intervals,
statsmodels' TTestPower for power and sample size, statsmodels' multipletests for Holm. Run: python3 make_golden.py, with
numpy 2.4.6, scipy 1.17.1, statsmodels 0.15.0.
"""
import hashlib
import json
import pathlib

import numpy as np
import scipy
import statsmodels
from scipy.stats import permutation_test, ttest_rel
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

HERE = pathlib.Path(__file__).parent


def paired(rng, n, effect, shared):
    common = rng.normal(0, shared, n)
    a, b = common + rng.normal(0, 1, n), common + rng.normal(effect, 1, n)
    exact = permutation_test((b - a,), lambda d, axis=-1: np.mean(d, axis=axis), permutation_type="samples", n_resamples=np.inf, vectorized=True)
    interval = ttest_rel(b, a).confidence_interval(0.95)
    return {"a": a.tolist(), "b": b.tolist(), "mean": float(np.mean(b - a)), "deviation": float(np.std(b - a, ddof=1)),
            "low": float(interval.low), "high": float(interval.high), "p": float(exact.pvalue)}


def main():
    rng = np.random.default_rng(20261121)
    cases = [paired(rng, n, effect, 3.0) for n, effect in [(2, 1), (3, 0), (5, 1.5), (8, 0.5), (12, 0.8), (16, 0)]]
    tied = paired(rng, 6, 1.0, 0.0)
    power = TTestPower()
    powers = [{"effect": e, "n": n, "power": float(power.power(e, n, 0.05, alternative="two-sided"))}
              for e, n in [(0.5, 5), (1.0, 5), (2.0, 5), (0.8, 12), (0.3, 50)]]
    detectable = [{"n": n, "effect": float(power.solve_power(None, n, 0.05, 0.8, alternative="two-sided"))} for n in [3, 5, 8, 20]]
    needed = [{"effect": e, "n": int(np.ceil(power.solve_power(e, None, 0.05, 0.8, alternative="two-sided")))} for e in [2.5, 1.2, 0.8, 0.4, 0.2]]
    p = [0.04, 0.01, 0.03, 0.2, 0.01]
    answer = {"versions": {"numpy": np.__version__, "scipy": scipy.__version__, "statsmodels": statsmodels.__version__},
              "paired": cases + [tied], "power": powers, "detectable": detectable, "needed": needed,
              "holm": {"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()}}
    text = json.dumps(answer, indent=1) + "\n"
    (HERE / "statistics.json").write_text(text)
    others = [line for line in (HERE / "SHA256SUMS").read_text().splitlines() if not line.endswith("  statistics.json")]
    (HERE / "SHA256SUMS").write_text("\n".join([f"{hashlib.sha256(text.encode()).hexdigest()}  statistics.json", *others]) + "\n")


if __name__ == "__main__":
    main()
