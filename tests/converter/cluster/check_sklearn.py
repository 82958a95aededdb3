#!/usr/bin/env python3
"""Compares `lutra cluster` with scikit-learn's KMeans from a linear start, layer by layer.

  check_sklearn.py [--shared DIR] [--lutra PROGRAM] [--bits B] [NAME...]

The distortion of no layer may pass scikit-learn's by more than one part in a million. Values and
distortions are read from the clustered network itself, by a small protobuf reader of its own.
Exits with 77 when python3-sklearn or the shared networks are absent.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
HERE = pathlib.Path(__file__).resolve().parents[3]
NETWORKS = ["lenet300100", "lenet5", "cifar10_resnet20"]

try:
  import numpy
  from sklearn.cluster import KMeans
except ImportError:
  print("skipped: python3-sklearn is absent")
  sys.exit(SKIPPED)


def fields(data):
  """(number, value) of every field of a protobuf message."""
  at = 0

  def varint():
    nonlocal at
    value = shift = 0
    while True:
      byte = data[at]
      at += 1
      value |= (byte & 127) << shift
      shift += 7
      if byte < 128:
        return value

  while at < len(data):
    key = varint()
    if key & 7 == 0:
      yield key >> 3, varint()
      continue
    size = {1: 8, 5: 4}[key & 7] if key & 7 != 2 else varint()
    yield key >> 3, data[at:at + size]
    at += size


def float_tensors(path):
  """Name -> values of the float32 initializers of an ONNX file."""
  tensors = {}
  for number, graph in fields(memoryview(path.read_bytes())):
    if number != 7:
      continue
    for number, tensor in fields(graph):
      if number != 5:
        continue
      name, kind, values = "", 0, []
      for number, value in fields(tensor):
        if number == 2:
          kind = value
        elif number == 8:
          name = bytes(value).decode()
        elif number in (4, 9):
          values.append(bytes(value))
      if kind == 1:
        tensors[name] = numpy.frombuffer(b"".join(values), dtype="<f4")
  return tensors


def distortion(values, centroids):
  centroids = numpy.sort(numpy.asarray(centroids, dtype=numpy.float64).ravel())
  values = values.astype(numpy.float64)
  nearest = numpy.searchsorted((centroids[1:] + centroids[:-1]) / 2, values)
  return float(((values - centroids[nearest]) ** 2).sum())


def main():
  parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  parser.add_argument("names", nargs="*", default=NETWORKS)
  parser.add_argument("--shared", type=pathlib.Path, default=HERE.parent / "shared")
  parser.add_argument("--lutra", type=pathlib.Path, default=HERE / "build/release/bin/lutra")
  parser.add_argument("--bits", type=int, default=4)
  options = parser.parse_intermixed_args()
  models = options.shared / "models/classifiers"
  for needed in [options.lutra, *(models / f"{name}.onnx" for name in options.names)]:
    if not needed.exists():
      print(f"skipped: {needed} is absent")
      return SKIPPED
  worst = 0.0
  layers = 0
  print("| network | layer | weights | Lutra | scikit-learn | ratio |\n|---|---|---|---|---|---|")
  for name in options.names:
    with tempfile.TemporaryDirectory() as folder:
      output = pathlib.Path(folder) / "clustered.onnx"
      done = subprocess.run(
          [options.lutra, "cluster", models / f"{name}.onnx", "-o", output, "--bits",
           str(options.bits), "--json"], check=True, capture_output=True, text=True)
      before, after = float_tensors(models / f"{name}.onnx"), float_tensors(output)
    for layer in json.loads(done.stdout)["layers"]:
      values = before[layer["tensor"]]
      k = min(2 ** options.bits, len(numpy.unique(values)))
      start = numpy.linspace(values.min(), values.max(), k).reshape(-1, 1)
      theirs = KMeans(n_clusters=k, init=start, n_init=1, max_iter=1000, tol=0).fit(
          values.astype(numpy.float64).reshape(-1, 1))
      mine = distortion(values, numpy.unique(after[layer["tensor"]]))
      other = distortion(values, theirs.cluster_centers_)
      ratio = mine / other if other > 0 else (1.0 if mine == 0 else float("inf"))
      worst = max(worst, ratio)
      layers += 1
      print(f"| {name} | {layer['name']} | {len(values)} | {mine:.6g} | {other:.6g} | {ratio:.6f} |")
  print(f"{layers} layers, the largest ratio is {worst:.9f}")
  return 0 if layers > 0 and worst <= 1 + 1e-6 else 1


if __name__ == "__main__":
  sys.exit(main())
