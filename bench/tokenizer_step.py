"""The quickstart's tokenizer step in Python: the other side of bench_tokenizer_step.

    tokenizer_step.py STATE.safetensors     then on stdin, a line each: STEPS; answers {"losses": […], "seconds": …}

The same model, weights, batch, loss and optimizer as the C++ side, written as one would in PyTorch. Without `import torch` it
answers {"skipped": reason} and ends.
"""
import json
import os
import sys
import time

try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except Exception as error:  # the CPU half of the wheel alone cannot be imported
    print(json.dumps({"skipped": f"import torch: {error}"}))
    sys.exit(0)

CHANNELS, DEPTH, PATCH, BLOCKS, DECODER_BLOCKS = 64, 32, 4, 1, 5
BETA, DECAY, EPSILON = 0.25, 0.98, 1e-5


def load(path):
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        data = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            tensors[name] = torch.frombuffer(data[begin:end], dtype=torch.float32).reshape(entry["shape"]).clone()
    return tensors


class Mix(nn.Module):
    def __init__(self, inputs, outputs, kernel, before=None, after=None):
        super().__init__()
        self.mix = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.before, self.after = before, after

    def forward(self, x):
        x = self.mix(self.before(x) if self.before else x)
        return self.after(x) if self.after else x


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.look = nn.Conv2d(channels, channels, 3, padding=1)
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x + self.mix(F.silu(self.look(self.norm(x))))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        pixels = 3 * PATCH * PATCH
        self.encoder = nn.Sequential(Mix(pixels, CHANNELS, 1, before=nn.PixelUnshuffle(PATCH)), *[Residual(CHANNELS) for _ in range(BLOCKS)],
                                     nn.GroupNorm(8, CHANNELS), nn.SiLU(), nn.Conv2d(CHANNELS, DEPTH, 1))
        self.decoder = nn.Sequential(nn.Conv2d(DEPTH, CHANNELS, 3, padding=1), *[Residual(CHANNELS) for _ in range(DECODER_BLOCKS)],
                                     nn.GroupNorm(8, CHANNELS), nn.SiLU(), Mix(CHANNELS, pixels, 3, after=nn.PixelShuffle(PATCH)))


class Vq:
    def __init__(self, tensors):
        self.codebook, self.count, self.sum = (tensors[f"quantizer0.{name}"] for name in ("codebook", "count", "sum"))

    def __call__(self, z):
        flat = z.permute(0, 2, 3, 1).reshape(-1, DEPTH)
        with torch.no_grad():
            self.ids = torch.cdist(flat, self.codebook).argmin(1)
            self.flat = flat.detach()
        q = self.codebook[self.ids]
        loss = BETA * F.mse_loss(flat, q)
        q = flat + (q - flat).detach()
        return q.view(z.size(0), z.size(2), z.size(3), DEPTH).permute(0, 3, 1, 2), loss

    @torch.no_grad()
    def after_step(self):
        codes = self.codebook.size(0)
        count = torch.bincount(self.ids, minlength=codes).float()
        total = torch.zeros_like(self.sum).index_add_(0, self.ids, self.flat)
        self.count.lerp_(count, 1 - DECAY)
        self.sum.lerp_(total, 1 - DECAY)
        smooth = (self.count + EPSILON) / (self.count.sum() + codes * EPSILON) * self.count.sum()
        self.codebook.copy_(self.sum / smooth[:, None])


def main():
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    tensors = load(sys.argv[1])
    model, vq, x = Encoder(), Vq(tensors), tensors["x"]
    model.load_state_dict({name[len("encoder."):]: value for name, value in tensors.items() if name.startswith("encoder.")})
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    print(json.dumps({"ready": torch.__version__}), flush=True)
    for line in sys.stdin:
        losses, begin = [], time.perf_counter()
        for _ in range(int(line)):
            q, commitment = vq(model.encoder(x))
            y = model.decoder(q)
            loss = 0.5 * (y - x).abs().mean() + 2 * F.mse_loss(y, x) + commitment
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            vq.after_step()
            losses.append(loss.item())
        print(json.dumps({"losses": losses, "seconds": time.perf_counter() - begin}), flush=True)


main()
