"""A procedural world of small scenes: attributes a caption can name, a look and a style it never does.

`sample_scene` draws attributes, look and style, `render` the picture. Attributes are class indices into
ATTRIBUTES; the look is four numbers in [0, 1] (LOOKS), the style one of STYLES. Combinations of object, colour
and land for which `held_out` is true never occur in training data or training prompts.

A scene holds one thing, a group of two or three alike, or two different things: `object` on the left and
`beside` on the right (NOTHING for the other scenes).
"""

from dataclasses import dataclass

import numpy as np

from draw import SIZE, around, circle, ellipse, grid, paint
from objects import DRAW, FLYING, OBJECTS

TIMES = ["dawn", "day", "sunset", "night"]
LANDS = ["hills", "mountains", "sea", "desert", "snow"]
WEATHERS = ["clear", "rain", "snowfall", "fog", "rainbow"]
COLOURS = ["red", "yellow", "green", "blue", "purple", "white"]
ATTRIBUTES = {
    "object": OBJECTS, "colour": COLOURS, "count": ["one", "two", "three"], "position": ["left", "middle", "right"],
    "beside": ["nothing", *OBJECTS], "beside colour": COLOURS,
    "land": LANDS, "time": TIMES, "weather": WEATHERS, "sun": ["left", "right"],
}
NOTHING = 0
LOOKS = ["vividness", "light", "detail", "composition"]
STYLES = ["flat", "painted", "ink", "paper"]
TASTE = np.array([0.32, 0.27, 0.17, 0.12], np.float32)
STYLE_TASTE = np.array([0.0, 0.12, 0.04, 0.08], np.float32)


@dataclass
class Scene:
    """One scene; `seed` decides everything that has no name (hill shapes, clouds, jitter)."""

    attributes: dict
    look: np.ndarray
    style: int
    seed: int


def held_out(obj, colour, land):
    """True for a fifth of the 720 (object, colour, land) combinations; each object, colour and land has both kinds."""
    return (2 * obj + colour + 3 * land + obj // 5) % 5 == 0


def is_held_out(attributes):
    """Whether either thing of the scene is a held-out combination."""
    a = attributes
    return held_out(a["object"], a["colour"], a["land"]) or (
        a["beside"] != NOTHING and held_out(a["beside"] - 1, a["beside colour"], a["land"])
    )


def meant(attributes):
    """[..., 10] attribute indices -> which of them the picture shows: a position for single things, a second colour for pairs."""
    names = list(ATTRIBUTES)
    at = lambda n: attributes[..., names.index(n)]
    single = (at("count") == 0) & (at("beside") == NOTHING)
    out = attributes >= 0
    out[..., names.index("position")] &= single
    out[..., names.index("beside colour")] &= at("beside") != NOTHING
    return out


def sample_scene(rng, allow_held_out=False):
    while True:
        a = {name: int(rng.integers(len(values))) for name, values in ATTRIBUTES.items()}
        kind = rng.random()  # 45 % one thing, 20 % a group, 35 % two things
        a["count"] = 0 if kind < 0.45 or kind > 0.65 else 1 if kind < 0.57 else 2
        if kind < 0.65:
            a["beside"] = NOTHING
        elif a["beside"] in (NOTHING, a["object"] + 1):
            continue
        a["weather"] = int(rng.choice(5, p=[0.44, 0.14, 0.14, 0.14, 0.14]))
        if allow_held_out or not is_held_out(a):
            break
    if a["count"] > 0 or a["beside"] != NOTHING:
        a["position"] = 1
    if a["beside"] == NOTHING:
        a["beside colour"] = 0
    shared = rng.random()
    look = np.array([0.5 * shared + 0.5 * rng.random() for _ in LOOKS], np.float32)
    look = np.clip((look - 0.5) * 1.35 + 0.5, 0, 1)
    return Scene(a, look, int(rng.integers(len(STYLES))), int(rng.integers(2**31)))


def quality(look, style):
    """The hidden taste: look [..., 4], style [...] -> [...]."""
    return look @ TASTE + STYLE_TASTE[style]


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
RAINBOW = ("e2504a", "f29a3c", "f6dc52", "58b868", "4a86dc", "8a58c0")
INK, PAPER = rgb("2b2433"), rgb("fbf3e2")


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


def soft_noise(rng, cells, size):
    """Smooth noise of deviation about 0.6: [size, size]."""
    at = np.linspace(0, cells - 1.001, size, dtype=np.float32)
    i, f = at.astype(int), (1 - np.cos(np.pi * (at % 1))) / 2
    m = np.zeros((size, cells), np.float32)
    m[np.arange(size), i], m[np.arange(size), i + 1] = 1 - f, f
    return m @ rng.standard_normal((cells, cells)).astype(np.float32) @ m.T


def palette(name, time, light_on):
    """Paint name -> colour for one object of colour `name`."""
    main = rgb(MAIN[name])
    dark = main * np.array([0.66, 0.62, 0.72], np.float32) if name != "white" else rgb("b9bccb")
    return {
        "main": main,
        "main_dark": dark,
        "main_light": np.clip(main * 0.62 + 0.38, 0, 1) if name != "white" else rgb("dcdce6"),
        "cream": rgb("fff0cf"),
        "white": rgb("ffffff"),
        "ink": INK,
        "wood": rgb("7d5236"),
        "brick": rgb("a4523c"),
        "leaf": rgb("2f8a45"),
        "shade": rgb("c9b6a4"),
        "orange": rgb("f58a1f"),
        "pink": rgb("f4a3ae") if name != "red" else rgb("ffc4c0"),
        "pollen": rgb("7a4a22") if name == "yellow" else rgb("ffd23c"),
        "dots": rgb("e8857e") if name == "white" else rgb("fff6e4"),
        "lamp": rgb("ffe27a"),
        "window": rgb("ffd667") if (time in ("night", "sunset") or light_on) else rgb("8fd0f0"),
    }


GLOWING = ("ink", "window", "lamp", "white")  # light leaves these as they are


class Painter:
    """Draws shapes onto one canvas in the scene's style."""

    def __init__(self, canvas, style, light):
        self.canvas, self.style, self.light = canvas, style, light
        self.pixel = 1.0 / len(canvas)

    def shape(self, distance, colour, alpha=1.0):
        """A shape of the landscape: with a shadow (paper) or an outline (ink) of its own."""
        rows = np.flatnonzero(distance.min(1) < 0.04)
        if not len(rows):
            return
        rows = slice(rows[0], rows[-1] + 1)
        canvas, distance = self.canvas[rows], distance[rows]
        colour = colour[rows] if colour.ndim == 3 and len(colour) > 1 else colour
        if self.style == "paper":
            paint(canvas, distance - 0.008, np.float32(0.12), 0.035, 0.34)
        paint(canvas, distance, colour, self.pixel * (1.8 if self.style == "painted" else 1), alpha)
        if self.style == "ink":
            paint(canvas, np.abs(distance) - 0.005, INK, self.pixel, 0.7)


def render(scene, size=SIZE, without=()):
    """Scene -> uint8 [size, size, 3]; parts with a feature in `without` are left out."""
    rng = np.random.default_rng(scene.seed)
    x, y = grid(size)
    pixel = 1.0 / size
    name = {k: ATTRIBUTES[k][v] for k, v in scene.attributes.items()}
    vividness, light, detail, composition = (float(v) for v in scene.look)
    style = STYLES[scene.style]
    time, land, weather = name["time"], name["land"], name["weather"]
    side = -1 if name["sun"] == "left" else 1
    if style == "painted":
        x, y = x + 0.006 * soft_noise(rng, 14, size), y + 0.006 * soft_noise(rng, 14, size)

    # Composition: horizon height, object size and breathing room, a tilt of the whole ground when poor.
    horizon = 0.60 + rng.uniform(-0.02, 0.02) + (1 - composition) * rng.choice([-0.10, 0.09])
    tilt = (1 - composition) * rng.choice([-1, 1]) * 0.10
    yy = y + tilt * (x - 0.5)

    # Sky and glow.
    top, low, glow = (rgb(c) for c in SKY[time])
    if weather in ("rain", "fog", "snowfall"):
        cover = {"rain": 0.62, "fog": 0.45, "snowfall": 0.35}[weather]
        dull = {"dawn": "aab0bc", "day": "a7b4c0", "sunset": "a98a8c", "night": "2c3350"}[time]
        top, low = top + cover * (rgb(dull) * 0.9 - top), low + 0.8 * cover * (rgb(dull) * 1.08 - low)
    h = np.clip(yy / horizon, 0, 1)[..., None]
    if style in ("flat", "paper"):
        h = np.floor(h * 3.999) / 3
    flat = 0.5 * top + 0.5 * low
    contrast = 0.35 + 0.65 * light
    canvas = np.empty((3, size, size), np.float32).transpose(1, 2, 0)  # planes in memory: broadcasting is faster
    canvas[:] = flat + contrast * ((1 - h) * top + h * low - flat)
    brush = Painter(canvas, style, light)

    def spot(cx, cy, r, colour, alpha=1.0, flatness=1.0, ground=False):
        part, px, py = around(canvas, x, yy if ground else y, cx, cy, 1.2 * r, 0.08 + r)
        paint(part, ellipse(px, py, cx, cy, r, r * flatness) if flatness != 1 else circle(px, py, cx, cy, r), colour, pixel, alpha)

    sx, sy = 0.5 + side * rng.uniform(0.28, 0.37), rng.uniform(0.13, 0.22)
    radius = rng.uniform(0.075, 0.095)
    far = np.hypot(x - sx, y - sy)
    if style == "flat":
        if light > 0.3:
            paint(canvas, far - radius * 1.7, glow, pixel, 0.35 * light)
    else:
        canvas += ((0.15 + 0.55 * light) * np.exp(-((far / 0.24) ** 2)))[..., None] * (glow - canvas) * (0.6 if time == "night" else 1)
    if time == "night":
        for _ in range(int(round(detail * 16))):
            px, py, r = rng.random(), rng.random() * horizon * 0.8, rng.uniform(0.007, 0.011)
            spot(px, py, r, rgb("ffffff"), 0.9)
        brush.shape(far - radius, rgb("f4f1dc"))
        paint(canvas, circle(x, y, sx + 0.025, sy - 0.015, radius * 0.3), rgb("d8d6c8"), pixel, 0.8)
    else:
        disc = {"dawn": "fff3c4", "day": "fff2a0", "sunset": "fff0a8"}[time]
        brush.shape(far - radius, rgb(disc))
    if weather == "rainbow":
        bow = np.hypot(x - 0.5, (y - horizon - 0.06) * 1.05)
        for k, code in enumerate(RAINBOW):
            paint(canvas, np.abs(bow - 0.52 + 0.024 * k) - 0.0125, rgb(code), pixel, 0.85 if time != "night" else 0.6)
    cloud = 0.5 * low + 0.5 * rgb("ffffff") if time != "night" else rgb("56659c")
    if weather == "rain":
        dark = low * 0.55 + 0.12
        for cx in (0.1, 0.37, 0.63, 0.9):
            cx, cy = cx + rng.uniform(-0.06, 0.06), rng.uniform(0.0, 0.05)
            if abs(cx - sx) > 0.16:
                brush.shape(np.minimum(ellipse(x, y, cx, cy, 0.19, 0.08), ellipse(x, y, cx + 0.06, cy + 0.04, 0.10, 0.065)), dark, 0.95)
    for _ in range(int(round(detail * 3))):
        cx, cy, s = rng.uniform(0.05, 0.95), rng.uniform(0.08, 0.36), rng.uniform(0.8, 1.25)
        if np.hypot(cx - sx, (cy - sy) * 2) < 0.26:
            continue
        d = np.minimum(ellipse(x, y, cx, cy, 0.13 * s, 0.036 * s), ellipse(x, y, cx + 0.03 * s, cy - 0.028 * s, 0.065 * s, 0.045 * s))
        brush.shape(d, cloud, 0.9)

    # Land: three layers, the far ones in the haze of the horizon.
    far_c, mid_c, near_c = (rgb(c) for c in GROUND[land])
    line = x[size // 2] if style == "painted" else x[0]

    def layer(ridge_line, colour, haze=0.0, shade=0.0):
        d = yy - ridge_line[None, :]
        c = colour + haze * (low - colour)
        depth = np.clip(d / 0.35, 0, 1)[..., None] if style in ("painted", "ink") else 0.4
        brush.shape(-d, c * (1 + contrast * (0.16 - shade * depth)))

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
            spot(wx, wy, 0.06, rgb("d8f0ff"), 0.7, 0.12, True)
        if light > 0.4 and style != "flat":
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
                part, u, v = around(canvas, x, yy, px, gy - 0.05, 0.1, 0.2)
                paint(part, np.maximum(np.abs(u - px) * 2.2 - (v - gy + 0.13 * s), v - gy) * 0.5, rgb("5f8a86"), pixel)
        if land == "hills" and detail > 0.3:  # far round trees
            for _ in range(int(round(detail * 5))):
                px, s = rng.random(), rng.uniform(0.7, 1.1)
                spot(px, horizon - 0.015, 0.035 * s, rgb("4f9a5c"), ground=True)
        layer(ridge(line, rng, horizon + 0.05, amp * 0.6, 2), mid_c, 0.06, 0.25)
        layer(ridge(line, rng, horizon + 0.20, amp * 0.4, 2), near_c, 0, 0.4)
    if detail > 0.25 and land != "sea":  # broad soft strips, no speckle
        for _ in range(int(round(detail * 4))):
            px, py = rng.random(), rng.uniform(horizon + 0.24, 0.97)
            tint = {"desert": "f2d59a", "snow": "d3e2f2"}.get(land, "79c25e")
            r = rng.uniform(0.06, 0.12)
            spot(px, py, r, rgb(tint), 0.7, 0.012 / r, True)

    tone, level = rgb(AMBIENT[time][0]), AMBIENT[time][1]
    if time in ("night", "sunset", "dawn"):
        ground = np.clip((yy - horizon + 0.12) / 0.14, 0, 1)[..., None]
        canvas *= 1 + ground * (tone * {"night": 0.62, "sunset": 0.8, "dawn": 0.9}[time] - 1)
    if weather == "fog":
        mist = 0.62 * np.exp(-(((yy - horizon) / 0.20) ** 2))[..., None]
        canvas += mist * (low * 0.9 + 0.08 - canvas)

    # Saturation and contrast of the surroundings; the medium.
    canvas = vivid(np.clip(canvas, 0, 1), 0.30 + 0.95 * vividness)
    canvas = np.clip(0.5 + (canvas - 0.5) * (0.72 + 0.36 * vividness) + 0.03 * (1 - vividness), 0, 1)
    if style == "painted":
        canvas *= 1 + (0.05 * soft_noise(rng, 5, size) + 0.035 * soft_noise(rng, 8, size))[..., None]
    elif style == "ink":
        canvas = 0.72 * canvas + 0.28 * PAPER * (0.8 if time == "night" else 1)
    brush.canvas = canvas

    pair = scene.attributes["beside"] != NOTHING
    count = scene.attributes["count"] + 1
    scale = (0.45 if pair else {1: 0.58, 2: 0.43, 3: 0.315}[count]) * (0.84 + 0.20 * composition) * rng.uniform(0.95, 1.05)
    kinds = [(name["object"], name["colour"])] * count
    if pair:
        kinds.append((name["beside"], name["beside colour"]))
        centres = [0.265 + rng.uniform(-0.02, 0.02), 0.735 + rng.uniform(-0.02, 0.02)]
    elif count == 1:
        centres = [{"left": 0.325, "middle": 0.5, "right": 0.675}[name["position"]] + rng.uniform(-0.03, 0.03)]
    else:
        middle = 0.5 + rng.uniform(-0.02, 0.02)
        centres = [middle + {2: 0.47, 3: 0.32}[count] * (k - (count - 1) / 2) for k in range(count)]
    keep = 0.72 + 0.38 * vividness  # the object keeps its colour in a dull scene
    for i, (cx, (kind, colour)) in enumerate(zip(centres, kinds)):
        paints = palette(colour, time, light > 0.65)
        paints = {
            k: c if k in GLOWING else np.clip(vivid(c, keep) * (level * 0.75 + 0.25 * level * tone * 1.02), 0, 1)
            for k, c in paints.items()
        }
        foot = 0.92 + rng.uniform(-0.02, 0.02) - (0.03 if count > 1 and i % 2 else 0) - (1 - composition) * 0.02
        if kind in FLYING:
            foot -= 0.20 + 0.06 * rng.random()
        draw_object(brush, x, y, kind, cx, foot, scale, paints, side, without)

    if weather == "rain":
        streak = rgb("e6f0fa") if time != "night" else rgb("b4c4e6")
        for row in range(5):
            for col in range(5):
                px, py = (col + rng.uniform(0.1, 0.9)) / 5, (row + rng.uniform(0.1, 0.9)) / 5
                part, u, v = around(canvas, x, y, px, py, 0.03, 0.06)
                d = np.abs((u - px) + 0.28 * (v - py)) - 0.0055
                paint(part, np.maximum(d, np.abs(v - py) - 0.045), streak, pixel, 0.62)
    elif weather == "snowfall":
        for row in range(5):
            for col in range(5):
                px, py, r = (col + rng.uniform(0.1, 0.9)) / 5, (row + rng.uniform(0.1, 0.9)) / 5, rng.uniform(0.011, 0.017)
                spot(px, py, r, rgb("ffffff"), 0.95)
    elif weather == "fog":
        for k in range(2):
            band = np.exp(-(((yy - horizon - 0.16 - 0.16 * k - 0.015 * np.sin(7 * x + 3 * k + scene.seed % 7)) / 0.035) ** 2))[..., None]
            canvas += 0.38 * band * (low * 0.85 + 0.12 - canvas)
    if light > 0.5 and style != "flat":  # a vignette and a warm veil
        v = 1 - 0.22 * (light - 0.5) * np.clip(np.hypot(x - 0.5, y - 0.5) / 0.7, 0, 1) ** 2
        canvas *= v[..., None]
    return (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8)


def draw_object(brush, x, y, kind, cx, foot, scale, paints, side, without):
    """Paint one object with its shadow; light adds a gradient across it and a rim on the sunny side."""
    canvas, light, style = brush.canvas, brush.light, brush.style
    size = len(canvas)
    shadow_y = foot if kind not in FLYING else min(foot + 0.24, 0.95)
    if light > 0.15:
        skew = -side * 0.10 * light * scale
        soft = brush.pixel if style in ("flat", "ink") else 0.03
        paint(canvas, ellipse(x, y, cx + skew, shadow_y, 0.44 * scale, 0.055 * scale), np.float32(0.08), soft, 0.12 + 0.33 * light)
    x0, x1 = (int(np.clip((cx + d * scale) * size, 0, size)) for d in (-0.72, 0.72))
    y0, y1 = (int(np.clip((foot + d * scale) * size, 0, size)) for d in (-1.18, 0.16))
    if x1 <= x0 or y1 <= y0:
        return
    crop = canvas[y0:y1, x0:x1]
    u = (x[y0:y1, x0:x1] - cx) / scale
    v = (y[y0:y1, x0:x1] - foot) / scale
    p = brush.pixel / scale
    parts = [part for part in DRAW[kind](u, v) if len(part) < 3 or part[2] not in without]
    outline = np.minimum.reduce([part[0] for part in parts])
    if style == "paper":
        du, dv = 0.03 * -side, 0.035
        paint(crop, np.minimum.reduce([part[0] for part in DRAW[kind](u - du, v - dv)]) - 0.02, np.float32(0.08), 0.09, 0.25 + 0.25 * light)
        paint(crop, outline - 1.5 * p, PAPER, p)
    elif style == "ink":
        paint(crop, outline - 1.6 * p, INK, p, 0.95)
    elif style == "painted":
        paint(crop, outline - 1.1 * p, paints["main_dark"] * 0.55, 2 * p, 0.6)
    else:
        paint(crop, outline - 0.9 * p, INK, p, 0.35)
    shade = {"painted": 0.40, "ink": 0.0, "flat": 0.0, "paper": 0.08}[style]
    gradient = 1 + light * shade * np.clip(side * u * 0.8 - (v + 0.55) * 0.55, -0.6, 0.6)[..., None] if shade else np.float32(1)
    for d, paint_name, *_ in parts:
        c = paints[paint_name] if paint_name in GLOWING else np.clip(paints[paint_name] * gradient, 0, 1)
        if style == "ink" and paint_name not in ("ink", "white", "pollen"):
            paint(crop, d, INK, p, 0.9)
            paint(crop, d + 1.0 * p, c, p)
        else:
            paint(crop, d, c, p)
