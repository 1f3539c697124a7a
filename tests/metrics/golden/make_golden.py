#!/usr/bin/env python3
"""Makes golden.safetensors (inputs) and golden.json (expected values, versions, hash) for the metric tests.

Independent implementations: scikit-image for PSNR and SSIM, scipy.linalg.sqrtm for the Fréchet distance (the formula of
pytorch-fid), scipy.stats for entropies, plain numpy for the rest. Run: python3 make_golden.py, with
numpy 2.4.6, scipy 1.17.1, scikit-image 0.26.0.
"""
import hashlib
import json
import pathlib
import struct

import numpy as np
import scipy
import scipy.linalg
import scipy.spatial.distance
import scipy.stats
import skimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

SEED = 20240607
HERE = pathlib.Path(__file__).parent
DTYPES = {"uint8": "U8", "float32": "F32", "float64": "F64", "int64": "I64"}


def save_safetensors(path, arrays):
    header, data, offset = {}, b"", 0
    # Widest first, so that every array is aligned.
    for name in sorted(arrays, key=lambda n: (-arrays[n].dtype.itemsize, n)):
        raw = np.ascontiguousarray(arrays[name]).tobytes()
        header[name] = {"dtype": DTYPES[str(arrays[name].dtype)], "shape": list(arrays[name].shape),
                        "data_offsets": [offset, offset + len(raw)]}
        data, offset = data + raw, offset + len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def images(rng):
    """Smooth pictures on white, the third all white, and reconstructions that leave [-1, 1] here and there."""
    y, x = np.mgrid[0:24, 0:20]
    original = np.full((5, 3, 24, 20), 255.0)
    for i in (0, 1, 3, 4):
        for c in range(3):
            wave = 127 + 120 * np.sin(rng.uniform(.1, .6) * x + rng.uniform(.1, .6) * y + rng.uniform(0, 6))
            disc = (x - 10) ** 2 + (y - 12) ** 2 < (5 + i) ** 2
            original[i, c] = np.where(disc, wave, 255)
    original = original.round().astype(np.uint8)
    noise = rng.normal(0, .15, original.shape) * np.array([.2, .5, .3, 1, 2])[:, None, None, None]
    return original, (original / 127.5 - 1 + noise).astype(np.float32)


def reconstruction_scores(original, reconstruction):
    a = original / 255.0
    b = np.clip((reconstruction.astype(np.float64) + 1) / 2, 0, 1)
    scores = {"psnr": [], "ink_psnr": [], "ssim": [], "l1": []}
    for p, q in zip(a, b):
        scores["psnr"].append(float(peak_signal_noise_ratio(p, q, data_range=1)))
        scores["ssim"].append(float(structural_similarity(p, q, data_range=1, channel_axis=0, gaussian_weights=True, sigma=1.5,
                                                          use_sample_covariance=False)))
        scores["l1"].append(float(np.abs(p - q).mean()))
        ink = (p < 1).any(axis=0)
        scores["ink_psnr"].append(float(-10 * np.log10(((p - q) ** 2)[:, ink].mean())) if ink.any() else "nan")
    return scores


def frechet(a, b):
    root = scipy.linalg.sqrtm(np.cov(a, rowvar=False) @ np.cov(b, rowvar=False))
    mean = a.mean(0) - b.mean(0)
    return float(mean @ mean + np.trace(np.cov(a, rowvar=False)) + np.trace(np.cov(b, rowvar=False)) - 2 * np.trace(root).real)


def covered(points, centres, k):
    radius = np.sort(scipy.spatial.distance.cdist(centres, centres), axis=1)[:, k]  # column 0 is the point itself
    return float((scipy.spatial.distance.cdist(points, centres) <= radius[None]).any(axis=1).mean())


def bigram_tv(p, q, vocabulary):
    def count(first, second):
        table = np.zeros((vocabulary, vocabulary))
        np.add.at(table, (first.ravel(), second.ravel()), 1)
        return table / table.sum()
    def tv(a, b):
        return .5 * np.abs(a - b).sum()
    across = tv(count(p[:, :, :-1], p[:, :, 1:]), count(q[:, :, :-1], q[:, :, 1:]))
    down = tv(count(p[:, :-1], p[:, 1:]), count(q[:, :-1], q[:, 1:]))
    return float((across + down) / 2)


def main():
    rng = np.random.default_rng(SEED)
    original, reconstruction = images(rng)
    expected = reconstruction_scores(original, reconstruction)

    mix = rng.normal(size=(8, 8))
    features_a = rng.normal(size=(300, 8)) @ mix
    features_b = rng.normal(size=(270, 8)) @ (mix + .4 * rng.normal(size=(8, 8))) + .3
    expected["frechet"] = frechet(features_a, features_b)
    expected["precision"] = covered(features_a, features_b, 3)
    expected["recall"] = covered(features_b, features_a, 3)
    expected["nearest"] = float(scipy.spatial.distance.cdist(features_a, features_b).min(axis=1).mean())

    # 3 x 4 tokens of 10 codes, skewed; code 9 never occurs.
    weights = np.array([8, 6, 5, 4, 3, 2, 2, 1, 1, 0], dtype=float)
    train_ids = rng.choice(10, p=weights / weights.sum(), size=(60, 12))
    sample_ids = np.sort(rng.choice(10, p=weights[::-1] / weights.sum(), size=(40, 12)), axis=1)
    counts = lambda ids: np.bincount(ids.ravel(), minlength=10)
    expected["usage"] = float((counts(train_ids) > 0).mean())
    expected["perplexity"] = float(np.exp(scipy.stats.entropy(counts(train_ids))))
    frequencies = (counts(train_ids) + 1) / (counts(train_ids) + 1).sum()
    expected["unigram_bits"] = float(-np.log2(frequencies[sample_ids]).mean())
    p, q = (counts(x) / counts(x).sum() for x in (sample_ids, train_ids))
    expected["unigram_tv"] = float(.5 * np.abs(p - q).sum())
    expected["bigram_tv"] = bigram_tv(sample_ids.reshape(-1, 3, 4), train_ids.reshape(-1, 3, 4), 10)
    expected["distinct"] = float(np.mean([len(set(row)) for row in sample_ids]))

    path = HERE / "golden.safetensors"
    save_safetensors(path, {"original": original, "reconstruction": reconstruction, "features_a": features_a,
                            "features_b": features_b, "train_ids": train_ids, "sample_ids": sample_ids})
    versions = {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-image": skimage.__version__}
    document = {"generator": "make_golden.py", "seed": SEED, "versions": versions,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "expected": expected}
    (HERE / "golden.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
