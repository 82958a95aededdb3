#!/usr/bin/env python3
"""Draws the data of the example: ten shapes, 24 x 24 grey pixels, small, tilted, faint and noisy.

Writes next to itself calib-images.idx3.gz (128 images) and test-images.idx3.gz (400 images) with
their labels, in MNIST's IDX format. The training script draws its own images with `draw`.
Needs numpy only; the same seed gives the same files.
"""
import gzip
import pathlib
import struct

import numpy

SIDE = 24
NAMES = ["disc", "ring", "square", "frame", "triangle", "plus", "cross", "bars", "diamond", "moon"]


def distance(name, x, y):
    """Signed distance to the outline (about), negative inside; the shape has radius 1."""
    box = lambda w, h: numpy.maximum(abs(x) - w, abs(y) - h)
    radius = numpy.hypot(x, y)
    if name == "disc":
        return radius - 0.85
    if name == "ring":
        return abs(radius - 0.7) - 0.2
    if name == "square":
        return box(0.75, 0.75)
    if name == "frame":
        return numpy.maximum(box(0.85, 0.85), -box(0.45, 0.45))
    if name == "triangle":
        return numpy.maximum(y - 0.7, 0.87 * abs(x) - 0.5 * y - 0.45)
    if name == "plus":
        return numpy.minimum(box(0.25, 0.95), box(0.95, 0.25))
    if name == "cross":
        u, v = (x + y) / 2**0.5, (x - y) / 2**0.5
        bar = lambda a, b: numpy.maximum(abs(a) - 0.25, abs(b) - 0.95)
        return numpy.minimum(bar(u, v), bar(v, u))
    if name == "bars":
        return numpy.maximum(abs(abs(y) - 0.55) - 0.25, abs(x) - 0.85)
    if name == "diamond":
        return (abs(x) + abs(y) - 1.05) / 2**0.5
    return numpy.maximum(radius - 0.9, 0.75 - numpy.hypot(x - 0.45, y))  # moon


def draw(count, seed):
    """Returns (uint8 [count, SIDE, SIDE], uint8 labels [count]), the classes in turn."""
    random = numpy.random.RandomState(seed)
    grid = (numpy.arange(SIDE) + 0.5) / SIDE * 2 - 1
    images = numpy.empty((count, SIDE, SIDE), numpy.uint8)
    labels = numpy.arange(count, dtype=numpy.uint8) % len(NAMES)
    for i, label in enumerate(labels):
        size = random.uniform(0.3, 0.7)
        angle = random.uniform(-0.35, 0.35)
        cx, cy = random.uniform(-1, 1, 2) * (0.95 - size)
        x, y = numpy.meshgrid((grid - cx) / size, (grid - cy) / size)
        u = x * numpy.cos(angle) + y * numpy.sin(angle)
        v = y * numpy.cos(angle) - x * numpy.sin(angle)
        cover = numpy.clip(0.5 - distance(NAMES[label], u, v) * size * SIDE / 2, 0, 1)
        back, contrast = random.uniform(60, 195), random.uniform(40, 110)
        slope = (x * random.uniform(-1, 1) + y * random.uniform(-1, 1)) * size * 25
        contrast *= 1 if random.rand() < 0.5 else -1
        noise = random.normal(0, random.uniform(5, NOISE), (SIDE, SIDE))
        images[i] = numpy.clip(back + slope + contrast * cover + noise, 0, 255)
    return images, labels


NOISE = 24  # the strongest standard deviation; a trained network then misses a few in a hundred


def write(stem, images, labels):
    folder = pathlib.Path(__file__).resolve().parent
    for name, array in (("images.idx3", images), ("labels.idx1", labels)):
        header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
        with open(folder / f"{stem}-{name}.gz", "wb") as file:
            file.write(gzip.compress(header + array.tobytes(), 9, mtime=0))


if __name__ == "__main__":
    write("calib", *draw(128, seed=2))
    write("test", *draw(400, seed=3))
