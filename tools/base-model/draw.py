"""Anti-aliased shapes by signed distance: the only drawing primitives of the world.

A canvas is [H, W, 3] float32 in [0, 1]. A shape is a signed distance field [h, w] in the units of its
coordinates (negative inside). `paint` blends a colour where the distance is below zero, one pixel soft.
"""

import numpy as np

SIZE = 128


def grid(size=SIZE):
    """Pixel centres in [0, 1]: x, y, each [size, size]; y points down."""
    c = (np.arange(size, dtype=np.float32) + 0.5) / size
    return np.meshgrid(c, c, indexing="xy")


def circle(x, y, cx, cy, r):
    return np.sqrt((x - cx) ** 2 + (y - cy) ** 2) - r


def ellipse(x, y, cx, cy, rx, ry, angle=0.0):
    """Approximate distance (exact enough for one soft pixel)."""
    dx, dy = x - cx, y - cy
    if angle:
        c, s = np.cos(angle), np.sin(angle)
        dx, dy = c * dx + s * dy, c * dy - s * dx
    k = np.sqrt((dx / rx) ** 2 + (dy / ry) ** 2)
    g = np.sqrt((dx / (rx * rx)) ** 2 + (dy / (ry * ry)) ** 2) + 1e-6
    return k * (k - 1.0) / g


def box(x, y, cx, cy, hw, hh, r=0.0):
    """Rectangle of half width hw and half height hh, corners rounded by r."""
    qx, qy = np.abs(x - cx) - hw + r, np.abs(y - cy) - hh + r
    return np.hypot(np.maximum(qx, 0), np.maximum(qy, 0)) + np.minimum(np.maximum(qx, qy), 0) - r


def capsule(x, y, ax, ay, bx, by, r):
    """A thick line from a to b."""
    px, py, dx, dy = x - ax, y - ay, bx - ax, by - ay
    h = np.clip((px * dx + py * dy) / (dx * dx + dy * dy + 1e-9), 0, 1)
    return np.sqrt((px - h * dx) ** 2 + (py - h * dy) ** 2) - r


def convex(x, y, points):
    """Convex polygon; distance is exact on the edges and rounded down at corners, which softness hides."""
    pts = np.asarray(points, np.float32)
    area = np.sum(pts[:, 0] * np.roll(pts[:, 1], -1) - np.roll(pts[:, 0], -1) * pts[:, 1])
    if area < 0:
        pts = pts[::-1]
    d = None
    for (ax, ay), (bx, by) in zip(pts, np.roll(pts, -1, axis=0)):
        ex, ey = bx - ax, by - ay
        n = np.hypot(ex, ey) + 1e-9
        e = ((x - ax) * ey - (y - ay) * ex) / n
        d = e if d is None else np.maximum(d, e)
    return d


def paint(canvas, distance, colour, pixel, alpha=1.0):
    """Blend colour ([3] or [h, w, 3]) into canvas where distance < 0; pixel is one pixel's width."""
    a = np.clip(0.5 - distance / pixel, 0, 1)[..., None] * alpha
    canvas += a * (colour - canvas)


def around(canvas, x, y, cx, cy, rx, ry):
    """The part of a canvas within rx, ry of a point: views of canvas, x, y (small shapes need no more)."""
    size = len(canvas)
    x0, x1, y0, y1 = (int(min(max(c * size, 0), size)) for c in (cx - rx, cx + rx + 0.02, cy - ry, cy + ry + 0.02))
    return canvas[y0:y1, x0:x1], x[y0:y1, x0:x1], y[y0:y1, x0:x1]
