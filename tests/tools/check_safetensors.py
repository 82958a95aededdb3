#!/usr/bin/env python3
"""Checks the safetensors files that `lutra decompress` and `lutra prune` write.

  check_safetensors.py LUTRA

An independent reader of the format (Python's struct and json alone) applies the rules of the
format's own loader, the one behind safetensors.torch.load_file: a header of at most 100 MB that is a
JSON object without repeated names, types and shapes that fill their windows, windows that follow
each other without gaps up to the end of the file, metadata from text to text. Also checked: data and
tensors lie aligned to their elements; names, order, types and shapes are those of the checkpoint;
integers come back exactly and floating-point values within the bound of 16 bits.
"""

import json
import math
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1,
         "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1}
CODES = {"F64": "d", "F32": "f", "F16": "e", "I64": "q", "I32": "i", "I16": "h", "I8": "b",
         "U64": "Q", "U32": "I", "U16": "H", "U8": "B", "BOOL": "?"}


def pack(kind, values):
  if kind == "BF16":
    return b"".join(struct.pack("<f", value)[2:] for value in values)
  return struct.pack(f"<{len(values)}{CODES[kind]}", *values)


def unpack(kind, data):
  if kind == "BF16":
    return [struct.unpack("<f", b"\0\0" + data[i:i + 2])[0] for i in range(0, len(data), 2)]
  return list(struct.unpack(f"<{len(data) // SIZES[kind]}{CODES[kind]}", data))


def write(path, tensors):
  header, data = {}, b""
  for name, (kind, shape, values) in tensors.items():
    packed = pack(kind, values)
    header[name] = {"dtype": kind, "shape": shape,
                    "data_offsets": [len(data), len(data) + len(packed)]}
    data += packed
  text = json.dumps(header).encode()
  path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def once(pairs):
  assert len({name for name, _ in pairs}) == len(pairs), "a name is repeated"
  return dict(pairs)


def read(path):
  file = path.read_bytes()
  (length,) = struct.unpack("<Q", file[:8])
  assert length <= 100_000_000 and 8 + length <= len(file), "the header's length"
  assert length % 8 == 0, "the data is not aligned to 8 bytes"
  text, data = file[8:8 + length], file[8 + length:]
  assert text.startswith(b"{"), "the header's first byte"
  header = json.loads(text.decode("utf-8"), object_pairs_hook=once)
  metadata = header.pop("__metadata__", {})
  assert all(isinstance(value, str) for value in metadata.values()), "metadata is no text"
  tensors, windows = {}, []
  for name, entry in header.items():
    assert set(entry) == {"dtype", "shape", "data_offsets"}, name
    begin, end = entry["data_offsets"]
    size = SIZES[entry["dtype"]]
    assert end - begin == math.prod(entry["shape"]) * size, f"{name}: bytes"
    assert begin % size == 0, f"{name}: alignment"
    windows.append((begin, end))
    tensors[name] = (entry["dtype"], entry["shape"], unpack(entry["dtype"], data[begin:end]))
  at = 0
  for begin, end in sorted(windows):
    assert begin == at, "a gap or an overlap"
    at = end
  assert at == len(data), "bytes after the last tensor"
  return tensors, metadata


def checkpoint():
  """Every type, narrow ones first; a scalar, an empty tensor, names that JSON must escape."""
  draw = random.Random(5)
  tensors = {"flags": ("BOOL", [3], [True, False, True]), "empty": ("F32", [0, 4], [])}
  for kind, bits in [("U8", 8), ("I8", 8), ("U16", 16), ("I16", 16), ("U32", 32), ("I32", 32),
                     ("U64", 64), ("I64", 64)]:
    lowest, highest = (0, 2**bits - 1) if kind[0] == "U" else (-2**(bits - 1), 2**(bits - 1) - 1)
    values = [lowest, highest] + [draw.randint(lowest, highest) for _ in range(9)]
    tensors[f"integers.{kind}"] = (kind, [11], values)
  for kind in ("F16", "BF16", "F32", "F64"):
    tensors[f'module."{kind}\\é'] = (kind, [3, 5], [draw.gauss(0, 1) for _ in range(15)])
  tensors["steps"] = ("I64", [], [2**53 + 1])
  # Values as the types hold them.
  return {name: (kind, shape, unpack(kind, pack(kind, values)))
          for name, (kind, shape, values) in tensors.items()}


def compare(before, after):
  assert list(after) == list(before), "names or their order"
  for name, (kind, shape, values) in before.items():
    got_kind, got_shape, got = after[name]
    assert (got_kind, got_shape) == (kind, shape), f"{name}: {got_kind} {got_shape}"
    if "F" not in kind:
      assert got == values, f"{name}: integers differ"
      continue
    # Half a step of 16 bits per row, and the type's own rounding.
    own = {"F16": 2**-11, "BF16": 2**-8}.get(kind, 2**-24)
    for row in range(shape[0]):
      span = slice(row * shape[1], (row + 1) * shape[1])
      largest = max((abs(value) for value in values[span]), default=0)
      for a, b in zip(values[span], got[span]):
        assert abs(a - b) <= largest * (1.001 / (2 * 32767) + own), f"{name}: {a} became {b}"


def main():
  lutra = sys.argv[1]
  run = lambda *command: subprocess.run([lutra, *map(str, command)], check=True,
                                        stdout=subprocess.DEVNULL)
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    source, packed, back = (folder / part for part in ("in.safetensors", "a.lutra", "out.safetensors"))
    before = checkpoint()
    write(source, before)
    run("compress", source, "-o", packed, "--weights", "linear16")
    run("decompress", packed, "-o", back)
    after, metadata = read(back)
    assert metadata == {}
    compare(before, after)

    run("prune", source, "-o", back, "--keep", "100")
    assert read(back)[0] == before, "pruning nothing changed something"
    run("prune", source, "-o", back, "--keep", "40")
    after, metadata = read(back)
    floats = [name for name, (kind, _, _) in before.items() if kind.endswith(("16", "32", "64"))
              and name.startswith("module.")]
    assert sorted(metadata) == sorted("lutra.mask:" + name for name in floats)
    for name, (kind, shape, values) in before.items():
      zeros = 9 if name in floats else 0  # the 60th percentile of 15 lies above the ninth
      kept = sorted((abs(value) for value in values), reverse=True)[:len(values) - zeros]
      expected = [value if not zeros or abs(value) in kept else 0 for value in values]
      assert after[name] == (kind, shape, expected), name
  print(f"{len(before)} tensors of {len(SIZES)} types, decompressed and pruned: as they must be")


if __name__ == "__main__":
  main()
