"""Makes the golden files of tests/core: python make_golden.py

Made with Python 3.11, safetensors 0.4.5, numpy 2.4.6 (hashes: SHA256SUMS beside). The PNG files need zlib alone; they hold
what libpng's encoder is not asked for by tessera: palettes, 1 and 16 bits, tRNS, interlacing.
"""
import hashlib, pathlib, struct, zlib
import numpy as np
from safetensors.numpy import save_file

here = pathlib.Path(__file__).parent

# Every dtype that tessera writes and numpy has; one empty, one scalar; names that need escapes.
save_file({
    "weight": np.arange(12, dtype=np.float32).reshape(3, 4) / 8 - 0.5,
    "ids": np.array([[-1, 2**40], [3, 4]], dtype=np.int64),
    "double": np.array([1e-300, -0.0], dtype=np.float64),
    "codes": np.array([1, -2, 3], dtype=np.int32),
    "half": np.array([1.5, -2.0], dtype=np.float16),
    "image": np.arange(5, dtype=np.uint8),
    "mask": np.array([True, False, True]),
    "scalar": np.array(7.0, dtype=np.float32),
    "empty": np.zeros((0, 3), dtype=np.float32),
    "quote\" and é": np.array([1], dtype=np.int8),
}, here / "golden.safetensors", metadata={"layout": "{\"planes\": 1}"})


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(name, width, height, depth, colour, rows, extra=b"", interlace=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    body = b"".join(b"\0" + row for row in rows)
    (here / name).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b""))


png("grey1.png", 4, 1, 1, 0, [bytes([0b10100000])])
png("grey16.png", 3, 1, 16, 0, [struct.pack(">3H", 0, 32768, 65535)])
png("grey_key.png", 2, 1, 8, 0, [bytes([10, 20])], chunk(b"tRNS", struct.pack(">H", 20)))
png("grey_alpha.png", 2, 1, 8, 4, [bytes([10, 0, 20, 255])])
png("rgb16.png", 1, 2, 16, 2, [struct.pack(">3H", 257, 514, 65535), struct.pack(">3H", 128, 129, 65407)])
png("palette.png", 3, 1, 2, 3, [bytes([0b00011000])], chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0, 0, 0, 255])))
png("palette_alpha.png", 3, 1, 2, 3, [bytes([0b00011000])],
    chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0, 0, 0, 255])) + chunk(b"tRNS", bytes([0, 128])))

# Adam7: seven sub-images, each a grid with its own origin and step.
size, rows = 9, []
for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
    for y in range(y0, size, dy):
        row = bytes(10 * y + x for x in range(x0, size, dx))
        if row:
            rows.append(row)
png("interlaced.png", size, size, 8, 0, rows, interlace=1)

(here / "SHA256SUMS").write_text("".join(
    f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
    for path in sorted(here.iterdir()) if path.suffix in (".safetensors", ".png")))
