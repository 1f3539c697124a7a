#!/usr/bin/env python3
"""Makes samples.json and adds it to SHA256SUMS: what differences sample by sample must come to, by implementations that share no
code with ours.

statsmodels: OLS of the sample means and of the pair means on a constant for the one-way intervals; anova_lm (typ 2) of the two-way layout
for the mean squares of both, Satterthwaite's degrees by hand from them; scipy.stats.t for the quantile. Run: python3
make_samples_golden.py, with numpy 2.4.6, scipy 1.17.1, statsmodels 0.15.0, pandas.
"""
import hashlib
import json
import pathlib

import numpy as np
import pandas as pd
import scipy
import statsmodels
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy.stats import t

HERE = pathlib.Path(__file__).parent


def constant_interval(values):
    fit = sm.OLS(values, np.ones(len(values))).fit()
    return [float(x) for x in fit.conf_int(0.05)[0]]


def case(rng, pairs, samples, by_pair, by_sample, noise):
    d = 0.3 + by_pair * rng.normal(size=(pairs, 1)) + by_sample * rng.normal(size=(1, samples)) + noise * rng.normal(size=(pairs, samples))
    frame = pd.DataFrame({"d": d.ravel(), "g": np.repeat(np.arange(pairs), samples), "i": np.tile(np.arange(samples), pairs)})
    answer = {"d": d.tolist(), "mean": float(d.mean()), "these_models": constant_interval(d.mean(0))}
    if pairs > 1:
        answer["other_trainings"] = constant_interval(d.mean(1))
        naive = sm.OLS(d.ravel(), np.ones(d.size)).fit().conf_int(0.05)[0]
        answer["one_crowd"] = [float(x) for x in naive]
    if pairs > 2:
        table = sm.stats.anova_lm(smf.ols("d ~ C(g) + C(i)", frame).fit(), typ=2)
        squares = (table["sum_sq"] / table["df"]).to_dict()
        degrees = table["df"].to_dict()
        g, i, e = squares["C(g)"], squares["C(i)"], squares["Residual"]
        variance = g + i - e
        df = variance**2 / (g**2 / degrees["C(g)"] + i**2 / degrees["C(i)"] + e**2 / degrees["Residual"])
        half = float(t.ppf(0.975, df) * np.sqrt(variance / d.size)) if variance > max(g, i) else 0
        answer["both"] = max(half, *((high - low) / 2 for low, high in (answer["these_models"], answer["other_trainings"])))
        answer["both_is_the_widest"] = half == answer["both"]
    return answer


def main():
    rng = np.random.default_rng(20261122)
    cases = [case(rng, *shape) for shape in [(1, 20, 0, 1, 1), (2, 9, 1, 1, 1), (3, 12, 0.5, 1, 1), (5, 8, 0, 2, 0.5), (4, 15, 1, 0, 1), (8, 9, 0.6, 0.6, 0.3), (10, 12, 0.5, 0.5, 0.2),
                                             (3, 10, 0, 0, 1), (5, 6, 0.1, 0.1, 3)]]
    answer = {"versions": {"numpy": np.__version__, "scipy": scipy.__version__, "statsmodels": statsmodels.__version__, "pandas": pd.__version__},
              "cases": cases}
    text = json.dumps(answer, indent=1) + "\n"
    (HERE / "samples.json").write_text(text)
    sums = [line for line in (HERE / "SHA256SUMS").read_text().splitlines() if not line.endswith("  samples.json")]
    sums.append(f"{hashlib.sha256(text.encode()).hexdigest()}  samples.json")
    (HERE / "SHA256SUMS").write_text("\n".join(sums) + "\n")


if __name__ == "__main__":
    main()
