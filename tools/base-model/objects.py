"""The twenty-four things a scene can hold, drawn in their own unit square.

u runs right from -0.6 to 0.6, v down from -1 (top) to 0 (the ground line). Each function yields parts
(distance, paint name) or (distance, paint name, feature) from back to front; `palette` turns a paint name into
a colour. A part with a feature (FEATURES) can be left out, to measure whether a picture shows it.
"""

import numpy as np

from draw import box, capsule, circle, convex, ellipse

CATEGORIES = {
    "creatures": ["cat", "fox", "bird", "owl", "rabbit", "frog"],
    "buildings": ["house", "tower", "windmill", "castle", "lighthouse", "tent"],
    "garden": ["tree", "flower", "mushroom", "cactus", "fir", "tulip"],
    "travel": ["balloon", "car", "rocket", "boat", "train", "plane"],
}
OBJECTS = [name for names in CATEGORIES.values() for name in names]
FLYING = ("balloon", "plane")
FEATURES = {
    "eyes": ["cat", "fox", "bird", "owl", "rabbit", "frog"],
    "windows": ["house", "tower", "castle", "lighthouse", "car", "rocket", "train", "plane"],
    "doors": ["house", "tower", "windmill", "castle", "lighthouse", "tent"],
    "stripes": ["lighthouse", "tent", "cactus", "balloon", "boat", "rocket"],
    "petals": ["flower", "tulip"],
}


def eye(u, v, x, y, r):
    """A white, a pupil and a glint."""
    yield ellipse(u, v, x, y, r, 1.12 * r), "white", "eyes"
    yield circle(u, v, x + 0.1 * r, y + 0.05 * r, 0.68 * r), "ink", "eyes"
    yield circle(u, v, x - 0.15 * r, y - 0.25 * r, 0.24 * r), "white", "eyes"


def cat(u, v):
    yield capsule(u, v, 0.24, -0.08, 0.43, -0.24, 0.07), "main_dark"
    yield capsule(u, v, 0.43, -0.24, 0.38, -0.50, 0.065), "main_dark"
    yield ellipse(u, v, 0, -0.28, 0.29, 0.31), "main"
    yield ellipse(u, v, 0, -0.21, 0.15, 0.21), "main_light"
    yield ellipse(u, v, -0.15, -0.045, 0.12, 0.07), "main_dark"
    yield ellipse(u, v, 0.15, -0.045, 0.12, 0.07), "main_dark"
    for s in (-1, 1):
        yield convex(u, v, [(s * 0.30, -0.72), (s * 0.28, -1.02), (s * 0.04, -0.86)]), "main"
        yield convex(u, v, [(s * 0.245, -0.80), (s * 0.24, -0.94), (s * 0.12, -0.86)]), "pink"
    yield ellipse(u, v, 0, -0.68, 0.32, 0.235), "main"
    yield ellipse(u, v, 0, -0.585, 0.15, 0.095), "main_light"
    for x in (-0.14, 0.14):
        yield from eye(u, v, x, -0.72, 0.088)
    yield convex(u, v, [(-0.05, -0.64), (0.05, -0.64), (0, -0.585)]), "ink"


def fox(u, v):
    yield ellipse(u, v, -0.42, -0.44, 0.16, 0.30, -0.65), "main_dark"
    yield ellipse(u, v, -0.53, -0.60, 0.095, 0.12, -0.65), "white"
    for x in (-0.22, -0.07, 0.12, 0.25):
        yield capsule(u, v, x, -0.26, x, -0.055, 0.055), "ink"
    yield ellipse(u, v, 0.0, -0.36, 0.33, 0.18), "main"
    yield ellipse(u, v, 0.20, -0.33, 0.14, 0.15), "white"
    for a, b, c in ((0.08, 0.06, 0.27), (0.52, 0.54, 0.33)):
        yield convex(u, v, [(a, -0.70), (b, -1.02), (c, -0.82)]), "main_dark"
    yield ellipse(u, v, 0.30, -0.66, 0.26, 0.20), "main"
    yield convex(u, v, [(0.10, -0.58), (0.50, -0.58), (0.42, -0.44), (0.31, -0.38), (0.18, -0.44)]), "white"
    for x in (0.19, 0.42):
        yield from eye(u, v, x, -0.69, 0.075)
    yield circle(u, v, 0.31, -0.46, 0.06), "ink"


def bird(u, v):
    yield capsule(u, v, -0.06, -0.2, -0.06, -0.03, 0.032), "orange"
    yield capsule(u, v, 0.12, -0.2, 0.12, -0.03, 0.032), "orange"
    yield convex(u, v, [(-0.2, -0.56), (-0.60, -0.64), (-0.56, -0.38), (-0.2, -0.3)]), "main_dark"
    yield ellipse(u, v, 0.02, -0.43, 0.36, 0.30), "main"
    yield ellipse(u, v, 0.12, -0.33, 0.22, 0.18), "cream"
    yield convex(u, v, [(0.36, -0.84), (0.62, -0.70), (0.36, -0.60)]), "orange"
    yield circle(u, v, 0.19, -0.74, 0.25), "main"
    yield from eye(u, v, 0.27, -0.78, 0.095)
    yield ellipse(u, v, -0.12, -0.46, 0.24, 0.15, 0.35), "main_dark"


def owl(u, v):
    for s in (-1, 1):
        yield ellipse(u, v, s * 0.13, -0.035, 0.10, 0.045), "orange"
        yield convex(u, v, [(s * 0.36, -0.70), (s * 0.36, -1.02), (s * 0.08, -0.84)]), "main_dark"
    yield ellipse(u, v, 0, -0.45, 0.39, 0.43), "main"
    for s in (-1, 1):
        yield ellipse(u, v, s * 0.34, -0.36, 0.12, 0.28, s * 0.2), "main_dark"
    yield ellipse(u, v, 0, -0.27, 0.22, 0.22), "main_light"
    for s in (-1, 1):
        yield circle(u, v, s * 0.165, -0.64, 0.185), "main_light"
        yield from eye(u, v, s * 0.155, -0.64, 0.12)
    yield convex(u, v, [(-0.07, -0.56), (0.07, -0.56), (0, -0.41)]), "orange"


def rabbit(u, v):
    yield circle(u, v, 0.30, -0.16, 0.12), "white"
    for s in (-1, 1):
        yield ellipse(u, v, s * 0.14, -0.80, 0.10, 0.26, s * 0.14), "main"
        yield ellipse(u, v, s * 0.14, -0.81, 0.05, 0.18, s * 0.14), "pink"
    yield ellipse(u, v, 0, -0.24, 0.28, 0.25), "main"
    yield ellipse(u, v, 0, -0.20, 0.16, 0.17), "white"
    yield ellipse(u, v, -0.17, -0.045, 0.14, 0.07), "main_dark"
    yield ellipse(u, v, 0.17, -0.045, 0.14, 0.07), "main_dark"
    yield ellipse(u, v, 0, -0.52, 0.29, 0.22), "main"
    yield ellipse(u, v, 0, -0.43, 0.13, 0.09), "white"
    for x in (-0.14, 0.14):
        yield from eye(u, v, x, -0.57, 0.085)
    yield ellipse(u, v, 0, -0.475, 0.055, 0.04), "pink"


def frog(u, v):
    for s in (-1, 1):
        yield ellipse(u, v, s * 0.40, -0.22, 0.17, 0.20), "main_dark"
        yield ellipse(u, v, s * 0.42, -0.045, 0.17, 0.05), "main_dark"
    yield ellipse(u, v, 0, -0.32, 0.42, 0.31), "main"
    yield ellipse(u, v, 0, -0.18, 0.26, 0.17), "cream"
    for s in (-1, 1):
        yield circle(u, v, s * 0.22, -0.64, 0.18), "main"
        yield from eye(u, v, s * 0.22, -0.66, 0.125)
        yield ellipse(u, v, s * 0.15, -0.04, 0.10, 0.05), "main_dark"
    yield np.maximum(np.abs(ellipse(u, v, 0, -0.50, 0.26, 0.13)) - 0.022, -0.46 - v), "ink"


def pane(u, v, x, y, w, h):
    """A window with a frame and a cross bar."""
    yield box(u, v, x, y, w, h, 0.02), "white", "windows"
    yield np.maximum(box(u, v, x, y, w - 0.032, h - 0.032), 0.016 - np.abs(u - x)), "window", "windows"


def house(u, v):
    yield box(u, v, 0.26, -0.80, 0.08, 0.16), "brick"
    yield box(u, v, 0, -0.29, 0.42, 0.29), "main"
    yield convex(u, v, [(-0.56, -0.54), (0.56, -0.54), (0, -1.0)]), "main_dark"
    yield box(u, v, -0.17, -0.19, 0.12, 0.19, 0.02), "wood", "doors"
    yield circle(u, v, -0.09, -0.18, 0.026), "pollen", "doors"
    yield from pane(u, v, 0.18, -0.32, 0.15, 0.14)


def tower(u, v):
    yield convex(u, v, [(-0.27, 0), (0.27, 0), (0.21, -0.66), (-0.21, -0.66)]), "main"
    yield convex(u, v, [(0.10, 0), (0.27, 0), (0.21, -0.66), (0.08, -0.66)]), "main_dark"
    yield box(u, v, 0, -0.66, 0.29, 0.06), "cream"
    yield convex(u, v, [(-0.34, -0.70), (0.34, -0.70), (0, -1.02)]), "main_dark"
    yield from pane(u, v, -0.03, -0.46, 0.105, 0.11)
    yield box(u, v, -0.03, -0.12, 0.11, 0.15, 0.09), "wood", "doors"


def windmill(u, v):
    yield convex(u, v, [(-0.30, 0), (0.30, 0), (0.18, -0.60), (-0.18, -0.60)]), "main"
    yield convex(u, v, [(0.08, 0), (0.30, 0), (0.18, -0.60), (0.05, -0.60)]), "main_dark"
    yield circle(u, v, 0, -0.62, 0.18), "main_dark"
    yield box(u, v, -0.02, -0.13, 0.10, 0.15, 0.08), "wood", "doors"
    for a in (0.5, 2.07, 3.64, 5.21):
        c, s = np.cos(a), np.sin(a)
        at = lambda r, w: (r * c - w * s, -0.62 + r * s + w * c)
        yield convex(u, v, [at(0.05, -0.02), at(0.56, -0.02), at(0.56, 0.14), at(0.12, 0.14)]), "cream"
        yield capsule(u, v, *at(0.0, 0), *at(0.56, 0), 0.022), "wood"
    yield circle(u, v, 0, -0.62, 0.065), "wood"


def castle(u, v):
    yield box(u, v, 0, -0.24, 0.32, 0.26), "main"
    for x in (-0.2, 0.0, 0.2):
        yield box(u, v, x, -0.53, 0.06, 0.06), "main"
    for s in (-1, 1):
        yield box(u, v, s * 0.40, -0.32, 0.155, 0.34), "main_light" if s < 0 else "main"
        yield convex(u, v, [(s * 0.40 - 0.20, -0.64), (s * 0.40 + 0.20, -0.64), (s * 0.40, -1.0)]), "main_dark"
        yield from pane(u, v, s * 0.40, -0.43, 0.085, 0.11)
    yield np.maximum(box(u, v, 0, -0.12, 0.15, 0.24, 0.14), v), "wood", "doors"


def lighthouse(u, v):
    body = convex(u, v, [(-0.24, 0), (0.24, 0), (0.15, -0.66), (-0.15, -0.66)])
    yield body, "cream"
    for y in (-0.28, -0.56):
        yield np.maximum(body, np.abs(v - y) - 0.075), "main", "stripes"
    yield box(u, v, 0, -0.67, 0.24, 0.045), "main_dark"
    yield box(u, v, 0, -0.78, 0.14, 0.085), "lamp", "windows"
    yield np.maximum(box(u, v, 0, -0.78, 0.14, 0.085), np.abs(np.abs(u) - 0.06) - 0.013), "ink", "windows"
    yield convex(u, v, [(-0.20, -0.86), (0.20, -0.86), (0, -1.04)]), "main_dark"
    yield box(u, v, 0, -0.09, 0.09, 0.11, 0.07), "wood", "doors"


def tent(u, v):
    body = convex(u, v, [(-0.58, 0), (0.58, 0), (0, -0.78)])
    yield capsule(u, v, 0, -0.7, 0, -0.98, 0.02), "wood"
    yield convex(u, v, [(0.01, -0.99), (0.24, -0.91), (0.01, -0.83)]), "orange"
    yield body, "main"
    for x in (-0.27, 0.27):
        yield np.maximum(body, np.abs(u - x * (1 + v * 0.6)) - 0.055 * (1 + v * 0.5)), "cream", "stripes"
    yield convex(u, v, [(-0.17, 0), (0.17, 0), (0, -0.46)]), "ink", "doors"
    yield convex(u, v, [(0.04, 0), (0.19, 0), (0, -0.46)]), "main_dark", "doors"


def tree(u, v):
    yield convex(u, v, [(-0.11, 0), (0.11, 0), (0.07, -0.45), (-0.07, -0.45)]), "wood"
    yield circle(u, v, 0.25, -0.50, 0.25), "main_dark"
    yield circle(u, v, -0.25, -0.50, 0.25), "main_dark"
    yield circle(u, v, 0.0, -0.67, 0.33), "main"
    yield circle(u, v, -0.10, -0.77, 0.16), "main_light"


def flower(u, v):
    yield capsule(u, v, 0, -0.5, 0.0, 0.0, 0.045), "leaf"
    yield ellipse(u, v, 0.19, -0.15, 0.20, 0.085, -0.5), "leaf"
    yield ellipse(u, v, -0.19, -0.22, 0.20, 0.085, 0.5), "leaf"
    for k in range(6):
        a = k * np.pi / 3 + 0.26
        yield circle(u, v, 0.25 * np.cos(a), -0.64 + 0.25 * np.sin(a), 0.15), "main" if k % 2 else "main_light", "petals"
    yield circle(u, v, 0, -0.64, 0.15), "pollen"


def mushroom(u, v):
    yield convex(u, v, [(-0.19, 0), (0.19, 0), (0.13, -0.5), (-0.13, -0.5)]), "cream"
    yield ellipse(u, v, 0, -0.44, 0.32, 0.07), "shade"
    cap = np.maximum(ellipse(u, v, 0, -0.44, 0.54, 0.52), v + 0.42)
    yield cap, "main"
    yield np.maximum(cap, -ellipse(u, v, -0.08, -0.52, 0.49, 0.46)), "main_dark"
    for x, y, r in ((-0.28, -0.58, 0.095), (0.01, -0.76, 0.11), (0.27, -0.59, 0.085)):
        yield circle(u, v, x, y, r), "dots"


def cactus(u, v):
    for s, low, top in ((-1, -0.40, -0.66), (1, -0.30, -0.58)):
        yield capsule(u, v, 0, low, s * 0.36, low, 0.085), "main_dark"
        yield capsule(u, v, s * 0.36, low, s * 0.36, top, 0.085), "main_dark"
    body = capsule(u, v, 0, 0.05, 0, -0.78, 0.19)
    yield np.maximum(body, v), "main"
    for x in (-0.085, 0.085):
        yield np.maximum(np.maximum(body + 0.04, v), np.abs(u - x) - 0.026), "main_light", "stripes"
    for x, y in ((-0.10, -0.96), (0.10, -0.96), (0, -1.0)):
        yield circle(u, v, x, y, 0.085), "pink"
    yield circle(u, v, 0, -0.95, 0.05), "pollen"


def fir(u, v):
    yield box(u, v, 0, -0.08, 0.08, 0.10), "wood"
    for y, w, h in ((-0.12, 0.48, 0.40), (-0.36, 0.38, 0.36), (-0.60, 0.28, 0.42)):
        yield convex(u, v, [(-w, y), (w, y), (0, y - h)]), "main"
        yield convex(u, v, [(0.08, y), (w, y), (0, y - h)]), "main_dark"


def tulip(u, v):
    yield capsule(u, v, 0, -0.5, 0.0, 0.0, 0.05), "leaf"
    yield ellipse(u, v, 0.20, -0.22, 0.08, 0.28, 0.55), "leaf"
    yield ellipse(u, v, -0.20, -0.22, 0.08, 0.28, -0.55), "leaf"
    yield ellipse(u, v, 0, -0.48, 0.13, 0.08), "leaf"
    for s in (-1, 1):
        yield ellipse(u, v, s * 0.17, -0.70, 0.14, 0.29, s * 0.22), "main_dark", "petals"
    yield ellipse(u, v, 0, -0.68, 0.16, 0.27), "main", "petals"
    yield ellipse(u, v, -0.03, -0.72, 0.06, 0.16), "main_light", "petals"


def balloon(u, v):
    yield capsule(u, v, -0.24, -0.38, -0.09, -0.12, 0.02), "wood"
    yield capsule(u, v, 0.24, -0.38, 0.09, -0.12, 0.02), "wood"
    envelope = np.minimum(circle(u, v, 0, -0.62, 0.39), convex(u, v, [(-0.35, -0.48), (0.35, -0.48), (0.11, -0.18), (-0.11, -0.18)]))
    yield envelope, "main"
    yield np.maximum(envelope, ellipse(u, v, 0, -0.62, 0.26, 0.6)), "cream", "stripes"
    yield np.maximum(envelope, ellipse(u, v, 0, -0.62, 0.11, 0.6)), "main_dark", "stripes"
    yield box(u, v, 0, -0.07, 0.14, 0.08, 0.02), "wood"


def car(u, v):
    yield convex(u, v, [(-0.42, -0.38), (0.36, -0.38), (0.22, -0.74), (-0.30, -0.74)]), "main_dark"
    yield convex(u, v, [(-0.33, -0.40), (-0.06, -0.40), (-0.06, -0.67), (-0.25, -0.67)]), "window", "windows"
    yield convex(u, v, [(0.02, -0.40), (0.27, -0.40), (0.17, -0.67), (0.02, -0.67)]), "window", "windows"
    yield box(u, v, 0, -0.29, 0.59, 0.16, 0.10), "main"
    yield circle(u, v, 0.51, -0.31, 0.06), "lamp"
    for x in (-0.32, 0.32):
        yield circle(u, v, x, -0.15, 0.16), "ink"
        yield circle(u, v, x, -0.15, 0.075), "cream"


def rocket(u, v):
    yield convex(u, v, [(-0.09, -0.16), (0.09, -0.16), (0, 0.06)]), "orange"
    yield convex(u, v, [(-0.12, -0.46), (-0.12, -0.14), (-0.42, 0.0), (-0.38, -0.24)]), "main_dark"
    yield convex(u, v, [(0.12, -0.46), (0.12, -0.14), (0.42, 0.0), (0.38, -0.24)]), "main_dark"
    body = np.maximum(ellipse(u, v, 0, -0.46, 0.25, 0.57), v + 0.11)
    yield body, "cream"
    yield np.maximum(body, v + 0.76), "main"
    yield np.maximum(body, np.abs(v + 0.23) - 0.07), "main", "stripes"
    yield circle(u, v, 0, -0.54, 0.14), "main_dark", "windows"
    yield circle(u, v, 0, -0.54, 0.09), "window", "windows"


def boat(u, v):
    yield capsule(u, v, 0, -0.2, 0, -1.0, 0.028), "wood"
    sail = convex(u, v, [(0.05, -0.96), (0.05, -0.32), (0.50, -0.32)])
    yield sail, "cream"
    yield np.maximum(sail, np.abs(v + 0.48) - 0.065), "main_dark", "stripes"
    yield convex(u, v, [(-0.05, -0.86), (-0.05, -0.32), (-0.40, -0.32)]), "cream"
    yield convex(u, v, [(-0.58, -0.27), (0.58, -0.27), (0.38, 0), (-0.40, 0)]), "main"
    yield convex(u, v, [(-0.58, -0.27), (0.58, -0.27), (0.52, -0.19), (-0.52, -0.19)]), "main_dark"


def train(u, v):
    yield convex(u, v, [(0.22, -0.52), (0.38, -0.52), (0.42, -0.84), (0.18, -0.84)]), "ink"
    yield box(u, v, -0.30, -0.47, 0.25, 0.34), "main_dark"
    yield box(u, v, -0.30, -0.82, 0.30, 0.06, 0.02), "ink"
    yield from pane(u, v, -0.30, -0.58, 0.16, 0.13)
    yield box(u, v, 0.16, -0.38, 0.34, 0.19, 0.08), "main"
    yield np.maximum(box(u, v, 0.16, -0.38, 0.34, 0.19, 0.08), np.abs(u - 0.16) - 0.045), "pollen"
    yield box(u, v, 0, -0.17, 0.55, 0.055), "ink"
    yield circle(u, v, 0.50, -0.42, 0.06), "lamp"
    for x in (-0.36, 0.0, 0.36):
        yield circle(u, v, x, -0.125, 0.135), "brick"
        yield circle(u, v, x, -0.125, 0.06), "cream"


def plane(u, v):
    yield convex(u, v, [(-0.56, -0.84), (-0.38, -0.84), (-0.24, -0.50), (-0.50, -0.50)]), "main_dark"
    yield ellipse(u, v, 0, -0.46, 0.56, 0.20), "main"
    yield np.maximum(ellipse(u, v, 0, -0.46, 0.56, 0.20), -0.40 - v), "cream"
    yield convex(u, v, [(0.24, -0.64), (0.44, -0.56), (0.44, -0.48), (0.24, -0.50)]), "window", "windows"
    for x in (-0.26, -0.07, 0.12):
        yield circle(u, v, x, -0.51, 0.06), "window", "windows"
    yield convex(u, v, [(-0.04, -0.42), (0.20, -0.42), (-0.06, -0.12), (-0.26, -0.12)]), "main_dark"
    yield ellipse(u, v, 0.58, -0.46, 0.03, 0.20), "ink"


DRAW = {name: globals()[name] for name in OBJECTS}
