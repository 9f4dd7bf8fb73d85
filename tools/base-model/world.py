"""A procedural world of small scenes: attributes a caption can name, and a look it never does.

`sample_scene` draws the attributes and the look, `render` the picture. Attributes are class indices into
ATTRIBUTES; the look is four numbers in [0, 1] (LOOKS). Combinations of object, colour and land for which
`held_out` is true never occur in training data or training prompts.
"""

from dataclasses import dataclass

import numpy as np

from draw import SIZE, circle, ellipse, grid, paint
from objects import DRAW, OBJECTS

TIMES = ["dawn", "day", "sunset", "night"]
LANDS = ["hills", "mountains", "sea", "desert", "snow"]
COLOURS = ["red", "yellow", "green", "blue", "purple", "white"]
COUNTS = ["one", "two", "three"]
POSITIONS = ["left", "middle", "right"]
SIDES = ["left", "right"]
ATTRIBUTES = {
    "object": OBJECTS, "colour": COLOURS, "count": COUNTS, "position": POSITIONS,
    "land": LANDS, "time": TIMES, "sun": SIDES,
}
LOOKS = ["vividness", "light", "detail", "composition"]
TASTE = np.array([0.35, 0.30, 0.20, 0.15], np.float32)


@dataclass
class Scene:
    """One scene; `seed` decides everything that has no name (hill shapes, clouds, jitter)."""

    attributes: dict
    look: np.ndarray
    seed: int


def held_out(obj, colour, land):
    """True for a fifth of the 360 (object, colour, land) combinations; each object, colour and land has both kinds."""
    return (2 * obj + colour + 3 * land + obj // 5) % 5 == 0


def sample_scene(rng, allow_held_out=False):
    while True:
        a = {name: int(rng.integers(len(values))) for name, values in ATTRIBUTES.items()}
        if allow_held_out or not held_out(a["object"], a["colour"], a["land"]):
            break
    a["count"] = int(rng.choice(3, p=[0.6, 0.25, 0.15]))
    if a["count"] > 0:
        a["position"] = 1
    shared = rng.random()
    look = np.array([0.5 * shared + 0.5 * rng.random() for _ in LOOKS], np.float32)
    look = np.clip((look - 0.5) * 1.35 + 0.5, 0, 1)
    return Scene(a, look, int(rng.integers(2**31)))


def quality(look):
    """The hidden taste: look [..., 4] -> [...]."""
    return look @ TASTE


def rgb(code):
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255


SKY = {  # top, horizon, glow
    "dawn": ("8fa6dc", "ffd9c7", "fff0d0"),
    "day": ("3f97e6", "c4ebff", "fff8d8"),
    "sunset": ("7a3f86", "ff9a52", "ffd070"),
    "night": ("0c1238", "35488c", "dfe8ff"),
}
AMBIENT = {"dawn": ("ffeef2", 0.97), "day": ("ffffff", 1.0), "sunset": ("ffd9b8", 0.92), "night": ("b4c4f8", 0.86)}
GROUND = {  # far, middle, near
    "hills": ("8fc7a0", "6fb95f", "4e9c45"),
    "mountains": ("8794b4", "6f9c78", "5a8f55"),
    "sea": ("3d8fc4", "2f7fb8", "e9d6a0"),
    "desert": ("e0b072", "e8c080", "d9a560"),
    "snow": ("c5d6ea", "dfeaf6", "f3f8fd"),
}
MAIN = {"red": "e23b34", "yellow": "fcd02c", "green": "35b04a", "blue": "2f6de0", "purple": "9a3fc4", "white": "f7f5f2"}


def vivid(colour, amount):
    """Scale saturation of colour [..., 3] around its grey."""
    grey = colour @ np.array([0.3, 0.59, 0.11], np.float32)
    return np.clip(grey[..., None] + (colour - grey[..., None]) * amount, 0, 1)


def ridge(x, rng, base, height, waves, sharp=False):
    """A horizon line y(x) [W]: a few sines, or peaks when sharp."""
    y = np.zeros_like(x)
    for k in range(waves):
        f, p = (k + 1) * rng.uniform(0.8, 1.3), rng.uniform(0, 6.28)
        w = np.sin(x * f * 6.28 * 0.6 + p)
        y += (1 - np.abs(w) * 2 if sharp else w) / (k + 1.2)
    return base - height * y / 1.3


def palette(name, time, light_on):
    """Paint name -> colour for one object of colour `name`."""
    main = rgb(MAIN[name])
    dark = main * np.array([0.66, 0.62, 0.72], np.float32) if name != "white" else rgb("b9bccb")
    return {
        "main": main,
        "main_dark": dark,
        "main_light": np.clip(main * 0.72 + 0.30, 0, 1),
        "cream": rgb("fff6e4"),
        "ink": rgb("2b2433"),
        "wood": rgb("7d5236"),
        "brick": rgb("a4523c"),
        "leaf": rgb("3f9b4b"),
        "shade": rgb("c9b6a4"),
        "glass": rgb("bfe6f5"),
        "orange": rgb("f58a1f"),
        "pollen": rgb("7a4a22") if name == "yellow" else rgb("ffd23c"),
        "dots": rgb("f2a7a0") if name == "white" else rgb("fff6e4"),
        "window": rgb("ffd667") if (time in ("night", "sunset") or light_on) else rgb("9fd0ea"),
    }


def render(scene, size=SIZE):
    """Scene -> uint8 [size, size, 3]."""
    rng = np.random.default_rng(scene.seed)
    x, y = grid(size)
    pixel = 1.0 / size
    name = {k: ATTRIBUTES[k][v] for k, v in scene.attributes.items()}
    vividness, light, detail, composition = (float(v) for v in scene.look)
    time, land = name["time"], name["land"]
    side = -1 if name["sun"] == "left" else 1

    # Composition: horizon height, object size and breathing room, a tilt of the whole ground when poor.
    horizon = 0.60 + rng.uniform(-0.02, 0.02) + (1 - composition) * rng.choice([-0.10, 0.09])
    tilt = (1 - composition) * rng.choice([-1, 1]) * 0.10
    yy = y + tilt * (x - 0.5)

    # Sky and glow.
    top, low, glow = (rgb(c) for c in SKY[time])
    h = np.clip(yy / horizon, 0, 1)[..., None]
    flat = 0.5 * top + 0.5 * low
    contrast = 0.35 + 0.65 * light
    canvas = flat + contrast * ((1 - h) * top + h * low - flat)
    sx, sy = 0.5 + side * rng.uniform(0.28, 0.37), rng.uniform(0.13, 0.22)
    radius = rng.uniform(0.075, 0.095)
    far = np.hypot(x - sx, y - sy)
    canvas += ((0.15 + 0.55 * light) * np.exp(-(far / 0.24) ** 2))[..., None] * (glow - canvas) * (0.6 if time == "night" else 1)
    if time == "night":
        for _ in range(int(round(detail * 16))):
            px, py, r = rng.random(), rng.random() * horizon * 0.8, rng.uniform(0.006, 0.011)
            paint(canvas, circle(x, y, px, py, r), rgb("ffffff"), pixel, 0.9)
        paint(canvas, circle(x, y, sx, sy, radius), rgb("f4f1dc"), pixel)
        paint(canvas, circle(x, y, sx + 0.025, sy - 0.015, radius * 0.3), rgb("d8d6c8"), pixel, 0.8)
    else:
        disc = {"dawn": "fff3c4", "day": "fff2a0", "sunset": "fff0a8"}[time]
        paint(canvas, circle(x, y, sx, sy, radius), rgb(disc), pixel)
    cloud = 0.5 * low + 0.5 * rgb("ffffff") if time != "night" else rgb("56659c")
    for _ in range(int(round(detail * 3))):
        cx, cy, s = rng.uniform(0.05, 0.95), rng.uniform(0.08, 0.36), rng.uniform(0.7, 1.15)
        if np.hypot(cx - sx, (cy - sy) * 2) < 0.24:
            continue
        d = np.minimum(ellipse(x, y, cx, cy, 0.13 * s, 0.032 * s), ellipse(x, y, cx + 0.03 * s, cy - 0.025 * s, 0.065 * s, 0.042 * s))
        paint(canvas, d, cloud, pixel, 0.85)

    # Land: three layers, the far ones in the haze of the horizon.
    far_c, mid_c, near_c = (rgb(c) for c in GROUND[land])
    line = x[0]

    def layer(ridge_line, colour, haze=0.0, shade=0.0):
        d = yy - ridge_line[None, :]
        c = colour + haze * (low - colour)
        depth = np.clip(d / 0.35, 0, 1)[..., None]
        paint(canvas, -d, c * (1 + contrast * (0.16 - shade * depth)), pixel)

    if land == "mountains":
        peaks = ridge(line, rng, horizon - 0.10, 0.17, 2, sharp=True)
        layer(peaks, far_c, 0.15 * light)
        snowline = np.maximum(peaks[None, :] - yy, yy - horizon + 0.17 + 0.02 * np.sin(x * 60))
        paint(canvas, snowline, rgb("f5f8ff"), pixel, 0.9)
        layer(ridge(line, rng, horizon + 0.01, 0.03, 2), mid_c, 0.1, 0.3)
        layer(ridge(line, rng, horizon + 0.16, 0.03, 2), near_c, 0, 0.45)
    elif land == "sea":
        layer(np.full_like(line, horizon - 0.02), far_c, 0.15 * light, 0.5)
        for _ in range(int(round(detail * 7))):
            wx, wy = rng.random(), horizon + rng.uniform(0.02, 0.14)
            paint(canvas, ellipse(x, yy, wx, wy, 0.06, 0.006), rgb("d8f0ff"), pixel, 0.7)
        if light > 0.4:
            paint(canvas, ellipse(x, yy, sx, horizon + 0.07, 0.08, 0.085), glow, 0.08, 0.35 * light)
        layer(ridge(line, rng, horizon + 0.17, 0.022, 1), rgb("ffffff"), 0, 0)
        layer(ridge(line, rng, horizon + 0.19, 0.018, 1), near_c, 0, 0.3)
    else:
        amp = {"hills": 0.075, "desert": 0.055, "snow": 0.045}[land]
        layer(ridge(line, rng, horizon - 0.05, amp, 2), far_c, 0.2 * light, 0.2)
        if land == "snow" and detail > 0.3:  # a far row of firs
            for _ in range(int(round(detail * 6))):
                px, s = rng.random(), rng.uniform(0.8, 1.2)
                gy = horizon + 0.02
                d = np.maximum(np.abs(x - px) * 2.2 - (yy - gy + 0.13 * s), yy - gy)
                paint(canvas, d * 0.5, rgb("5f8a86"), pixel)
        if land == "hills" and detail > 0.3:  # far round trees
            for _ in range(int(round(detail * 5))):
                px, s = rng.random(), rng.uniform(0.7, 1.1)
                paint(canvas, circle(x, yy, px, horizon - 0.015, 0.035 * s), rgb("4f9a5c"), pixel)
        layer(ridge(line, rng, horizon + 0.05, amp * 0.6, 2), mid_c, 0.06, 0.25)
        layer(ridge(line, rng, horizon + 0.20, amp * 0.4, 2), near_c, 0, 0.4)
    if detail > 0.25 and land != "sea":  # broad soft strips, no speckle
        for _ in range(int(round(detail * 4))):
            px, py = rng.random(), rng.uniform(horizon + 0.24, 0.97)
            tint = {"desert": "f2d59a", "snow": "d3e2f2"}.get(land, "79c25e")
            paint(canvas, ellipse(x, yy, px, py, rng.uniform(0.06, 0.12), 0.012), rgb(tint), pixel, 0.7)

    tone, level = rgb(AMBIENT[time][0]), AMBIENT[time][1]
    ground = np.clip((yy - horizon + 0.12) / 0.14, 0, 1)[..., None]
    if time in ("night", "sunset", "dawn"):
        strength = {"night": 0.62, "sunset": 0.8, "dawn": 0.9}[time]
        canvas *= 1 + ground * (tone * strength - 1)

    # Saturation and contrast of the surroundings.
    canvas = vivid(np.clip(canvas, 0, 1), 0.30 + 0.95 * vividness)
    canvas = np.clip(0.5 + (canvas - 0.5) * (0.72 + 0.36 * vividness) + 0.03 * (1 - vividness), 0, 1)

    count = scene.attributes["count"] + 1
    scale = {1: 0.56, 2: 0.40, 3: 0.31}[count] * (0.82 + 0.22 * composition) * rng.uniform(0.95, 1.05)
    if count == 1:
        centres = [{"left": 0.285, "middle": 0.5, "right": 0.715}[name["position"]] + rng.uniform(-0.03, 0.03)]
    else:
        gap = {2: 0.46, 3: 0.32}[count]
        middle = 0.5 + rng.uniform(-0.02, 0.02)
        centres = [middle + gap * (k - (count - 1) / 2) for k in range(count)]
    paints = palette(name["colour"], time, light > 0.65)
    keep = 0.72 + 0.38 * vividness  # the object keeps its colour in a dull scene
    paints = {k: np.clip(vivid(c, keep) * (level * 0.75 + 0.25 * level * tone * 1.02), 0, 1) for k, c in paints.items()}
    if time in ("night", "sunset") or light > 0.65:
        paints["window"] = rgb("ffd667")
    for i, cx in enumerate(centres):
        foot = 0.90 + rng.uniform(-0.02, 0.02) - (0.03 if count > 1 and i % 2 else 0) - (1 - composition) * 0.02
        if name["object"] == "balloon":
            foot -= 0.20 + 0.06 * rng.random()
        draw_object(canvas, x, y, pixel, name["object"], cx, foot, scale, paints, light, side)

    if light > 0.5:  # a vignette and a warm veil
        v = 1 - 0.22 * (light - 0.5) * np.clip(np.hypot(x - 0.5, y - 0.5) / 0.7, 0, 1) ** 2
        canvas *= v[..., None]
    return (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8)


def draw_object(canvas, x, y, pixel, kind, cx, foot, scale, paints, light, side):
    """Paint one object with its shadow; light adds a gradient across it and a rim on the sunny side."""
    size = canvas.shape[0]
    shadow_y = foot if kind != "balloon" else min(foot + 0.24, 0.95)
    if light > 0.15:
        skew = -side * 0.10 * light * scale
        paint(canvas, ellipse(x, y, cx + skew, shadow_y, 0.44 * scale, 0.055 * scale), np.float32(0.08), 0.03, 0.12 + 0.33 * light)
    x0, x1 = (int(np.clip((cx + d * scale) * size, 0, size)) for d in (-0.68, 0.68))
    y0, y1 = (int(np.clip((foot + d * scale) * size, 0, size)) for d in (-1.22, 0.08))
    if x1 <= x0 or y1 <= y0:
        return
    crop = canvas[y0:y1, x0:x1]
    u = (x[y0:y1, x0:x1] - cx) / scale
    v = (y[y0:y1, x0:x1] - foot) / scale
    p = pixel / scale
    gradient = 1 + light * 0.34 * np.clip(side * u * 0.8 - (v + 0.55) * 0.55, -0.6, 0.6)[..., None]
    parts = list(DRAW[kind](u, v))
    outline = np.minimum.reduce([d for d, _ in parts])
    paint(crop, outline - 1.1 * p, paints["ink"], p, 0.55)
    for d, name in parts:
        c = paints[name] if name in ("ink", "window") else np.clip(paints[name] * gradient, 0, 1)
        paint(crop, d, c, p)
