"""Runs experiments/quickstart.toml and holds it to its floors: a tokenizer or prior that stopped learning fails here.

Usage: quickstart_test.py BIN_FOLDER RESULTS_FOLDER   (results are kept there; a second call reuses what is done)
"""
import json
import os
import subprocess
import sys

CPU_SECONDS = 840  # shown once on an idle machine; a shared one fails at twice of it


def tessera(bin_folder, *arguments):
    done = subprocess.run([os.path.join(bin_folder, "tessera"), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"tessera {' '.join(arguments)} ended with {done.returncode}: {done.stderr}"
    return done.stdout


def words(text):
    """Without numbers and paths, which differ between machines, and whatever the widths of the columns are."""
    return {word for word in text.split() if not any(c.isdigit() or c == "/" for c in word)}


def readme_differs(root, said):
    """Words of the README's end of this run (which leaves parts of it out: …) that the run does not say."""
    with open(os.path.join(root, "README.md")) as file:
        shown = file.read().split("```text\nquickstart: ")[1].split("```")[0]
    return sorted(words(shown) - words(said) - {"…"})


def main():
    bin_folder, results = sys.argv[1], sys.argv[2]
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    file = os.path.join(root, "experiments", "quickstart.toml")
    ran = json.loads(tessera(bin_folder, "run", file, "--results", results, "--json"))
    rows = json.loads(tessera(bin_folder, "query", "--json", "--results", results,
                              "SELECT cell, slot, metric, value FROM v_score WHERE experiment = 'quickstart' AND current"))
    value = {(r["cell"], r["slot"], r["metric"]): r["value"] for r in (rows["rows"] if isinstance(rows, dict) else rows)}

    failures = []

    def hold(what, found, ok, expected):
        print(f"{what:<34}{found:10.4f}   expected {expected}")
        if not ok:
            failures.append(what)

    psnr = value["causal", "evaluation.tokenizer", "psnr"]
    perplexity = value["causal", "evaluation.tokenizer", "codebook_perplexity"]
    hold("PSNR, dB", psnr, psnr >= 20.4, "at least 20.4")
    hold("codebook perplexity of 256", perplexity, perplexity >= 190, "at least 190")
    for cell, limit in (("causal", 0.60), ("masked", 0.69), ("halton", 0.69)):
        share = value[cell, "evaluation.prior", "bits_over_unigram"]
        hold(f"{cell}: bits over unigram bits", share, share <= limit, f"at most {limit}")
        assert value[cell, "evaluation.prior", "bits_per_token"] > 1, "a likelihood this good is a leak"
    # Samples must look more like data than data with its positions shuffled.
    shuffled = value["causal", "evaluation.calibration", "shuffled.coarse_bigram_tv"]
    for cell in ("causal", "masked", "halton"):
        found = value[cell, "evaluation.samples.free", "coarse_bigram_tv"]
        hold(f"{cell}: coarse bigram distance", found, found < shuffled, f"below shuffled data's {shuffled:.4f}")
    cpu = ran["cpu_seconds"]
    hold("CPU-seconds of this call", cpu, cpu <= 2 * CPU_SECONDS, f"at most {2 * CPU_SECONDS}")
    for picture in ("quickstart-free.png", "quickstart-top_half.png"):
        path = os.path.join(results, "pictures", picture)
        assert os.path.getsize(path) > 10_000, f"{path} is too small to be a picture"
    assert not (other := readme_differs(root, tessera(bin_folder, "run", file, "--results", results))), f"the README shows another end: {other}"
    assert not failures, f"out of bounds: {', '.join(failures)}"


if __name__ == "__main__":
    main()
