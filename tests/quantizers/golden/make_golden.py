"""Golden data for the quantizer tests: what vector-quantize-pytorch computes, step by step.

    python3 -m venv golden-venv && golden-venv/bin/pip install torch==2.11.0 vector-quantize-pytorch==1.32.0 einx safetensors numpy
    golden-venv/bin/python make_golden.py            # writes *.safetensors and SHA256SUMS beside itself

Settings: 1 thread, seed 0, float32, plain straight-through (its rotation trick off). Three conventions differ on purpose, and are set here to ours:
 * it starts counts at 0 and averages at the codebook; we start counts at 1 (so averages and counts agree): copied by the test;
 * its dead codes are replaced at once, by their batch counts; off here (threshold 0), ours follow moving averages;
 * its cosine normalisation has eps 1e-6, ours 1e-12: no difference at these lengths.
"""
import hashlib
import pathlib

import torch
from safetensors.torch import save_file
from vector_quantize_pytorch import FSQ, VectorQuantize

HERE = pathlib.Path(__file__).parent
DEPTH, CODES, STEPS = 8, 16, 5


def vq(cosine):
    torch.manual_seed(0)
    model = VectorQuantize(dim=DEPTH, codebook_size=CODES, decay=0.9, commitment_weight=0.25, threshold_ema_dead_code=0,
                           use_cosine_sim=cosine, kmeans_init=False, rotation_trick=False)
    book = model._codebook
    if not cosine:  # its uniform start is tiny beside the data: every vector would take one code
        book.embed.data.normal_()
        book.embed_avg.data.copy_(book.embed.data)
    out = {"start.codebook": book.embed[0].clone(), "start.sum": book.embed_avg[0].clone(), "start.count": book.cluster_size[0].clone()}
    model.train()
    for step in range(STEPS):
        z = torch.randn(4, 10, DEPTH, requires_grad=True)
        weight = torch.randn(4, 10, DEPTH)
        quantized, ids, loss = model(z)
        (loss.sum() + (quantized * weight).sum()).backward()
        out |= {f"{step}.z": z.detach(), f"{step}.weight": weight, f"{step}.ids": ids, f"{step}.quantized": quantized.detach(),
                f"{step}.loss": loss.detach().reshape(()), f"{step}.gradient": z.grad, f"{step}.codebook": book.embed[0].clone(),
                f"{step}.count": book.cluster_size[0].clone(), f"{step}.sum": book.embed_avg[0].clone()}
    return out


def fsq(levels, symmetric=False):
    torch.manual_seed(0)
    model = FSQ(levels, preserve_symmetry=symmetric)
    z = (torch.randn(3, 50, len(levels)) * 1.5).requires_grad_()
    weight = torch.randn(3, 50, len(levels))
    quantized, ids = model(z)
    (quantized * weight).sum().backward()
    return {"z": z.detach(), "weight": weight, "ids": ids.long(), "quantized": quantized.detach(), "gradient": z.grad}


def fsq_projected(levels, depth):
    torch.manual_seed(0)
    model = FSQ(levels, dim=depth)
    z = torch.randn(3, 20, depth, requires_grad=True)
    quantized, ids = model(z)
    quantized.sum().backward()
    return {"z": z.detach(), "ids": ids.long(), "quantized": quantized.detach(), "gradient": z.grad,
            "in.weight": model.project_in.weight.detach(), "in.bias": model.project_in.bias.detach(),
            "out.weight": model.project_out.weight.detach(), "out.bias": model.project_out.bias.detach()}


torch.set_num_threads(1)
versions = {"torch": torch.__version__, "vector-quantize-pytorch": "1.32.0", "seed": "0", "generator": "make_golden.py"}
files = {"vq_euclidean": vq(False), "vq_cosine": vq(True), "fsq_8_6_5": fsq([8, 6, 5]), "fsq_8_5_5_5": fsq([8, 5, 5, 5]),
         "fsq_7_4_3": fsq([7, 4, 3]), "fsq_2_3_4_symmetric": fsq([2, 3, 4], True), "fsq_projected": fsq_projected([8, 6, 5], 16)}
sums = []
for name, tensors in files.items():
    path = HERE / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in tensors.items()}, path, versions)
    sums.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
(HERE / "SHA256SUMS").write_text("".join(sums))
