#!/usr/bin/env python3
"""Writes pictures/: small JPEG, PNG and WebP files of every kind that people have, and what Pillow makes of each.

    python write_pictures.py pictures

`expected.json`: size and orientation as they are shown, alpha, grey, bits; `refused` for what is not taken.
`expected.safetensors`: `<file>` [H, W, 3] uint8, ImageOps.exif_transpose(image).convert("RGB"), as the scripts of the
paper and of diffusers open a picture (those do not turn it by its EXIF; browsers do); `<file> <width>x<height>` the same
resized by Image.resize(BILINEAR), which torchvision's Resize calls for such a picture.
"""

import io
import json
import math
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from safetensors.numpy import save_file

W, H = 37, 23


def scene(width: int = W, height: int = H) -> np.ndarray:
    """Slopes, an edge and a disc, another for each channel: [H, W, 3] uint8."""
    y, x = np.mgrid[0:height, 0:width]
    r = 255 * x / (width - 1)
    g = 255 * y / (height - 1)
    b = 127.5 + 120 * np.sin(x / 3) * np.cos(y / 4)
    image = np.stack([r, g, b], axis=-1)
    image[(x - 12) ** 2 + (y - 9) ** 2 < 30] = (250, 40, 20)
    image[:, width * 3 // 4 :][: height // 2] = (10, 20, 200)
    return image.round().clip(0, 255).astype(np.uint8)


def exif(orientation: int, order: str = "<") -> bytes:
    """One directory; the orientation behind another entry."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    entries = struct.pack(order + "HHIHH", 0x0100, 3, 1, 99, 0) + struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return head + struct.pack(order + "H", 2) + entries + struct.pack(order + "I", 0)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(header: bytes, data: bytes, *before: bytes, after: bytes = b"") -> bytes:
    idat = chunk(b"IDAT", zlib.compress(data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(before) + idat + after + chunk(b"IEND", b"")


def rows(samples: np.ndarray, bits: int) -> bytes:
    """[H, W, C] unfiltered, packed."""
    out = b""
    for row in samples.reshape(samples.shape[0], -1):
        if bits == 16:
            line = row.astype(">u2").tobytes()
        elif bits == 8:
            line = row.astype(np.uint8).tobytes()
        else:
            flags = "".join(format(int(v), f"0{bits}b") for v in row)
            flags += "0" * (-len(flags) % 8)
            line = bytes(int(flags[i : i + 8], 2) for i in range(0, len(flags), 8))
        out += b"\0" + line
    return out


# x start, y start, x step, y step
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def interlaced(samples: np.ndarray, bits: int) -> bytes:
    passes = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7]
    return b"".join(rows(p, bits) for p in passes if p.size)


def ihdr(bits: int, colour: int, interlace: int = 0) -> bytes:
    return struct.pack(">IIBBBBB", W, H, bits, colour, 0, 0, interlace)


def saved(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def files() -> dict:
    """Name -> (bytes, what is said of it beside its size, or why it is refused)."""
    rgb = Image.fromarray(scene())
    grey = rgb.convert("L")
    alpha = Image.fromarray((np.mgrid[0:H, 0:W][1] * 255 // (W - 1)).astype(np.uint8))
    rgba = rgb.copy()
    rgba.putalpha(alpha)
    wide = Image.fromarray(scene(61, 40))
    deep = scene().astype(np.uint16) * 256 + 77
    ramp = np.mgrid[0:H, 0:W].sum(axis=0)[..., None]
    made = {
        "420.jpg": (saved(rgb, "JPEG", quality=85, subsampling=2), {}),
        "422.jpg": (saved(rgb, "JPEG", quality=75, subsampling=1), {}),
        "444.jpg": (saved(rgb, "JPEG", quality=95, subsampling=0), {}),
        "progressive.jpg": (saved(wide, "JPEG", quality=80, progressive=True), {}),
        "restarts.jpg": (saved(wide, "JPEG", quality=60, restart_marker_rows=1, optimize=True), {}),
        "grey.jpg": (saved(grey, "JPEG", quality=85), {"grey": True}),
        "rgb.jpg": (saved(rgb, "JPEG", quality=90, keep_rgb=True), {}),
        "icc.jpg": (saved(rgb, "JPEG", quality=85, icc_profile=b"no profile" * 700), {}),
        "trailing.jpg": (saved(rgb, "JPEG", quality=85) + b"\0" * 70_000, {}),
        "big-endian.jpg": (saved(rgb, "JPEG", quality=85, exif=b"Exif\0\0" + exif(6, ">")), {"orientation": 6}),
        "no-turn.jpg": (saved(rgb, "JPEG", quality=85, exif=b"Exif\0\0" + exif(9)), {}),
        "cmyk.jpg": (saved(rgb.convert("CMYK"), "JPEG", quality=85), "CMYK"),
        "cut.jpg": (saved(wide, "JPEG", quality=85)[:-400], "cut off"),
        "header-only.jpg": (saved(wide, "JPEG", quality=85)[:90], "cut off"),
        "rgb.png": (saved(rgb, "PNG"), {}),
        "rgba.png": (saved(rgba, "PNG"), {"alpha": True}),
        "grey.png": (saved(grey, "PNG"), {"grey": True}),
        "grey-alpha.png": (saved(rgba.convert("LA"), "PNG"), {"grey": True, "alpha": True}),
        "palette.png": (saved(rgb.quantize(64), "PNG"), {}),
        "palette-alpha.png": (saved(rgba.quantize(64), "PNG"), {"alpha": True}),
        "grey-key.png": (saved(grey, "PNG", transparency=30), {"grey": True, "alpha": True}),
        "1-bit.png": (png(ihdr(1, 0), rows(ramp % 2, 1)), {"grey": True, "bits": 1}),
        "2-bit.png": (png(ihdr(2, 0), rows(ramp % 4, 2)), {"grey": True, "bits": 2}),
        "4-bit.png": (png(ihdr(4, 0), rows(ramp % 16, 4)), {"grey": True, "bits": 4}),
        "4-bit-palette.png": (
            png(ihdr(4, 3), rows(ramp % 16, 4), chunk(b"PLTE", bytes(range(0, 240, 5)))),
            {"bits": 4},
        ),
        "16-bit.png": (png(ihdr(16, 2), rows(deep, 16)), {"bits": 16}),
        "16-bit-alpha.png": (
            png(ihdr(16, 6), rows(np.concatenate([deep, deep[..., :1]], axis=-1), 16)),
            {"bits": 16, "alpha": True},
        ),
        "16-bit-grey.png": (png(ihdr(16, 0), rows(deep[..., 1:2], 16)), {"bits": 16, "grey": True}),
        "interlaced.png": (png(ihdr(8, 2, 1), interlaced(scene(), 8)), {}),
        "interlaced-1-bit.png": (png(ihdr(1, 0, 1), interlaced(ramp % 2, 1)), {"grey": True, "bits": 1}),
        "exif-behind.png": (
            png(ihdr(8, 2), rows(scene(), 8), after=chunk(b"eXIf", exif(8))),
            {"orientation": 8},
        ),
        "animated.png": (
            saved(rgb, "PNG", save_all=True, append_images=[rgb.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]),
            "animated",
        ),
        "cut.png": (saved(rgb, "PNG")[:-300], "cut off"),
        "lossy.webp": (saved(rgb, "WEBP", quality=80), {}),
        "lossy-large.webp": (saved(wide, "WEBP", quality=50), {}),
        "lossless.webp": (saved(rgb, "WEBP", lossless=True), {}),
        "lossy-alpha.webp": (saved(rgba, "WEBP", quality=80), {"alpha": True}),
        "lossless-alpha.webp": (saved(rgba, "WEBP", lossless=True, exact=True), {"alpha": True}),
        "exif.webp": (saved(rgb, "WEBP", quality=80, exif=exif(5)), {"orientation": 5}),
        "animated.webp": (
            saved(rgb, "WEBP", save_all=True, append_images=[rgb.transpose(Image.Transpose.FLIP_TOP_BOTTOM)]),
            "animated",
        ),
        "cut.webp": (saved(wide, "WEBP", quality=80)[:-200], "cut off"),
        "moving.gif": (saved(rgb, "GIF"), "GIF"),
        "press.tif": (saved(rgb, "TIFF"), "TIFF"),
    }
    for orientation in range(1, 9):
        made[f"exif-{orientation}.jpg"] = (
            saved(rgb, "JPEG", quality=85, exif=b"Exif\0\0" + exif(orientation)),
            {"orientation": orientation},
        )
    return made


def opened(data: bytes) -> Image.Image:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.mode == "I;16":
        # convert("RGB") would clip at 255 and leave nothing but white; 16 bits in colour keep their high bytes.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


# Smaller, larger, of another shape, a side kept.
RESIZED = {
    "rgb.png": [(16, 16), (64, 64), (37, 11), (100, 23), (5, 3)],
    "exif-6.jpg": [(8, 16)],
}


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    expected, pixels = {}, {}
    for name, (data, said) in files().items():
        (out / name).write_bytes(data)
        if isinstance(said, str):
            expected[name] = {"refused": said}
            continue
        image = opened(data)
        kind = {"jpg": "jpeg"}.get(name.split(".")[-1], name.split(".")[-1])
        plain = {"type": kind, "width": image.width, "height": image.height, "orientation": 1}
        expected[name] = {**plain, "alpha": False, "grey": False, "bits": 8, **said}
        pixels[name] = np.array(image)
        for size in RESIZED.get(name, []):
            pixels[f"{name} {size[0]}x{size[1]}"] = np.array(image.resize(size, Image.Resampling.BILINEAR))
    (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    save_file(pixels, out / "expected.safetensors")
    total = sum(f.stat().st_size for f in out.iterdir())
    print(f"{len(expected)} files, {len(pixels)} pictures, {math.ceil(total / 1024)} KiB")


if __name__ == "__main__":
    main()
