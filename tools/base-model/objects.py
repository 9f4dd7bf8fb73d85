"""The twelve things a scene can hold, drawn in their own unit square.

u runs right from -0.6 to 0.6, v down from -1 (top) to 0 (the ground line). Each function yields parts
(distance, paint name) from back to front; `palette` turns a paint name into a colour.
"""

import numpy as np

from draw import box, capsule, circle, convex, ellipse

CATEGORIES = {
    "creatures": ["cat", "fox", "bird"],
    "buildings": ["house", "tower", "windmill"],
    "garden": ["tree", "flower", "mushroom"],
    "travel": ["balloon", "car", "rocket"],
}
OBJECTS = [name for names in CATEGORIES.values() for name in names]


def cat(u, v):
    yield capsule(u, v, 0.24, -0.08, 0.42, -0.26, 0.065), "main_dark"
    yield capsule(u, v, 0.42, -0.26, 0.36, -0.48, 0.06), "main_dark"
    yield ellipse(u, v, 0, -0.28, 0.28, 0.31), "main"
    yield ellipse(u, v, 0, -0.22, 0.15, 0.21), "main_light"
    yield ellipse(u, v, -0.14, -0.04, 0.11, 0.065), "main_dark"
    yield ellipse(u, v, 0.14, -0.04, 0.11, 0.065), "main_dark"
    yield convex(u, v, [(-0.27, -0.74), (-0.25, -1.0), (-0.03, -0.86)]), "main"
    yield convex(u, v, [(0.27, -0.74), (0.25, -1.0), (0.03, -0.86)]), "main"
    yield ellipse(u, v, 0, -0.69, 0.29, 0.22), "main"
    yield ellipse(u, v, -0.115, -0.72, 0.062, 0.072), "cream"
    yield ellipse(u, v, 0.115, -0.72, 0.062, 0.072), "cream"
    yield circle(u, v, -0.105, -0.71, 0.042), "ink"
    yield circle(u, v, 0.105, -0.71, 0.042), "ink"
    yield ellipse(u, v, 0, -0.60, 0.04, 0.03), "ink"


def fox(u, v):
    yield ellipse(u, v, -0.43, -0.46, 0.15, 0.28, -0.65), "main_dark"
    yield ellipse(u, v, -0.53, -0.61, 0.09, 0.12, -0.65), "cream"
    for x in (-0.22, -0.08, 0.12, 0.24):
        yield capsule(u, v, x, -0.26, x, -0.05, 0.055), "ink"
    yield ellipse(u, v, 0.0, -0.37, 0.33, 0.17), "main"
    yield ellipse(u, v, 0.22, -0.36, 0.13, 0.15), "cream"
    yield convex(u, v, [(0.13, -0.72), (0.13, -1.0), (0.31, -0.80)]), "main_dark"
    yield convex(u, v, [(0.47, -0.72), (0.49, -1.0), (0.29, -0.80)]), "main_dark"
    yield ellipse(u, v, 0.31, -0.66, 0.22, 0.19), "main"
    yield convex(u, v, [(0.17, -0.58), (0.45, -0.58), (0.33, -0.40)]), "cream"
    yield circle(u, v, 0.22, -0.68, 0.042), "ink"
    yield circle(u, v, 0.40, -0.68, 0.042), "ink"
    yield circle(u, v, 0.325, -0.47, 0.05), "ink"


def bird(u, v):
    yield capsule(u, v, -0.06, -0.2, -0.06, -0.02, 0.03), "orange"
    yield capsule(u, v, 0.12, -0.2, 0.12, -0.02, 0.03), "orange"
    yield convex(u, v, [(-0.2, -0.56), (-0.60, -0.62), (-0.56, -0.38), (-0.2, -0.3)]), "main_dark"
    yield ellipse(u, v, 0.02, -0.44, 0.36, 0.30), "main"
    yield ellipse(u, v, 0.12, -0.35, 0.22, 0.19), "cream"
    yield convex(u, v, [(0.36, -0.82), (0.60, -0.70), (0.36, -0.62)]), "orange"
    yield circle(u, v, 0.20, -0.74, 0.235), "main"
    yield circle(u, v, 0.27, -0.78, 0.075), "cream"
    yield circle(u, v, 0.285, -0.78, 0.045), "ink"
    yield ellipse(u, v, -0.12, -0.46, 0.23, 0.14, 0.35), "main_dark"


def house(u, v):
    yield box(u, v, 0.26, -0.80, 0.07, 0.15), "brick"
    yield box(u, v, 0, -0.29, 0.40, 0.29), "main"
    yield convex(u, v, [(-0.54, -0.54), (0.54, -0.54), (0, -1.0)]), "main_dark"
    yield box(u, v, -0.15, -0.17, 0.10, 0.17), "wood"
    yield box(u, v, 0.18, -0.32, 0.125, 0.125), "cream"
    yield box(u, v, 0.18, -0.32, 0.095, 0.095), "window"


def tower(u, v):
    yield convex(u, v, [(-0.25, 0), (0.25, 0), (0.19, -0.66), (-0.19, -0.66)]), "main"
    yield convex(u, v, [(0.06, 0), (0.25, 0), (0.19, -0.66), (0.06, -0.66)]), "main_dark"
    yield box(u, v, 0, -0.66, 0.26, 0.055), "cream"
    yield convex(u, v, [(-0.31, -0.70), (0.31, -0.70), (0, -1.02)]), "main_dark"
    yield box(u, v, -0.03, -0.47, 0.065, 0.09, 0.06), "window"
    yield box(u, v, -0.03, -0.11, 0.085, 0.12, 0.07), "wood"


def windmill(u, v):
    yield convex(u, v, [(-0.28, 0), (0.28, 0), (0.17, -0.60), (-0.17, -0.60)]), "main"
    yield convex(u, v, [(0.06, 0), (0.28, 0), (0.17, -0.60), (0.04, -0.60)]), "main_dark"
    yield circle(u, v, 0, -0.62, 0.17), "main_dark"
    yield box(u, v, 0, -0.10, 0.075, 0.11, 0.06), "wood"
    for a in (0.5, 2.07, 3.64, 5.21):
        c, s = np.cos(a), np.sin(a)
        yield convex(u, v, [(0.04 * c - 0.02 * s, -0.64 + 0.04 * s + 0.02 * c), (0.5 * c - 0.02 * s, -0.64 + 0.5 * s + 0.02 * c),
                            (0.5 * c + 0.12 * s, -0.64 + 0.5 * s - 0.12 * c), (0.1 * c + 0.12 * s, -0.64 + 0.1 * s - 0.12 * c)]), "cream"
    yield circle(u, v, 0, -0.64, 0.055), "wood"


def tree(u, v):
    yield convex(u, v, [(-0.10, 0), (0.10, 0), (0.06, -0.45), (-0.06, -0.45)]), "wood"
    yield circle(u, v, 0.23, -0.50, 0.24), "main_dark"
    yield circle(u, v, -0.23, -0.50, 0.24), "main_dark"
    yield circle(u, v, 0.0, -0.66, 0.32), "main"
    yield circle(u, v, -0.09, -0.76, 0.15), "main_light"


def flower(u, v):
    yield capsule(u, v, 0, -0.5, 0.0, 0.0, 0.045), "leaf"
    yield ellipse(u, v, 0.18, -0.17, 0.19, 0.08, -0.5), "leaf"
    yield ellipse(u, v, -0.18, -0.24, 0.19, 0.08, 0.5), "leaf"
    for k in range(6):
        a = k * np.pi / 3 + 0.26
        yield circle(u, v, 0.235 * np.cos(a), -0.65 + 0.235 * np.sin(a), 0.15), "main" if k % 2 else "main_light"
    yield circle(u, v, 0, -0.65, 0.135), "pollen"


def mushroom(u, v):
    yield convex(u, v, [(-0.17, 0), (0.17, 0), (0.12, -0.5), (-0.12, -0.5)]), "cream"
    yield ellipse(u, v, 0, -0.44, 0.30, 0.07), "shade"
    cap = np.maximum(ellipse(u, v, 0, -0.44, 0.52, 0.50), v + 0.42)
    yield cap, "main"
    yield np.maximum(cap, -ellipse(u, v, -0.08, -0.52, 0.48, 0.46)), "main_dark"
    for x, y, r in ((-0.26, -0.58, 0.085), (0.02, -0.76, 0.095), (0.25, -0.58, 0.075)):
        yield circle(u, v, x, y, r), "dots"


def balloon(u, v):
    yield capsule(u, v, -0.24, -0.38, -0.09, -0.12, 0.015), "wood"
    yield capsule(u, v, 0.24, -0.38, 0.09, -0.12, 0.015), "wood"
    envelope = np.minimum(circle(u, v, 0, -0.62, 0.38), convex(u, v, [(-0.34, -0.48), (0.34, -0.48), (0.10, -0.20), (-0.10, -0.20)]))
    yield envelope, "main"
    yield np.maximum(envelope, ellipse(u, v, 0, -0.62, 0.25, 0.6)), "main_light"
    yield np.maximum(envelope, ellipse(u, v, 0, -0.62, 0.10, 0.6)), "main_dark"
    yield box(u, v, 0, -0.06, 0.12, 0.075, 0.02), "wood"


def car(u, v):
    yield convex(u, v, [(-0.40, -0.38), (0.34, -0.38), (0.20, -0.70), (-0.28, -0.70)]), "main_dark"
    yield convex(u, v, [(-0.32, -0.40), (-0.05, -0.40), (-0.05, -0.63), (-0.24, -0.63)]), "glass"
    yield convex(u, v, [(0.02, -0.40), (0.26, -0.40), (0.16, -0.63), (0.02, -0.63)]), "glass"
    yield box(u, v, 0, -0.28, 0.58, 0.15, 0.09), "main"
    yield circle(u, v, 0.52, -0.30, 0.05), "window"
    for x in (-0.32, 0.32):
        yield circle(u, v, x, -0.14, 0.15), "ink"
        yield circle(u, v, x, -0.14, 0.065), "cream"


def rocket(u, v):
    yield convex(u, v, [(-0.10, -0.42), (-0.10, -0.14), (-0.38, 0.0), (-0.34, -0.22)]), "main_dark"
    yield convex(u, v, [(0.10, -0.42), (0.10, -0.14), (0.38, 0.0), (0.34, -0.22)]), "main_dark"
    yield convex(u, v, [(-0.12, -0.14), (0.12, -0.14), (0.08, -0.02), (-0.08, -0.02)]), "ink"
    body = np.maximum(ellipse(u, v, 0, -0.46, 0.22, 0.56), v + 0.11)
    yield body, "cream"
    yield np.maximum(body, v + 0.74), "main"
    yield np.maximum(body, np.abs(v + 0.23) - 0.07), "main"
    yield circle(u, v, 0, -0.53, 0.12), "main_dark"
    yield circle(u, v, 0, -0.53, 0.085), "glass"


DRAW = {f.__name__: f for f in (cat, fox, bird, house, tower, windmill, tree, flower, mushroom, balloon, car, rocket)}
