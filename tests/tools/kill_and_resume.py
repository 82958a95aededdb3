#!/usr/bin/env python3
"""Kills `lutra train` at random moments and lets it go on: the same bytes as a run left alone.

  kill_and_resume.py LUTRA [KILLS [SEED]]

The example's network learns anew from the example's test images (augmented, moving average, best
epoch by validation). A run is killed (SIGKILL) after a random part of the time that a whole run takes,
started again with another number of threads and another pause between checkpoints, and so on until
it is complete; runs follow each other until KILLS (3) have died. Each must leave the ONNX file of the
undisturbed run, and no checkpoint.
"""

import pathlib
import random
import subprocess
import sys
import tempfile
import time

SHAPES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "shapes"


def command(lutra, output):
  return [lutra, "train", SHAPES / "shapes.onnx", "-o", output, "--fresh", "--data",
          SHAPES / "test.json", "--epochs", "3", "--augment", "crop:2,noise:0.05", "--average", "0.9"]


def run_whole(lutra, output):
  start = time.monotonic()
  subprocess.run(command(lutra, output), check=True, stdout=subprocess.DEVNULL)
  return time.monotonic() - start


class Attempts:
  """One run, in as many processes as it takes."""

  def __init__(self, lutra, folder, chance):
    self.output = folder / "killed.onnx"
    self.checkpoint = folder / "run.checkpoint"
    self.lutra, self.chance = lutra, chance

  def attempt(self, most_seconds):
    """Whether it was killed, and whether it began where another had ended."""
    process = subprocess.Popen(
        command(self.lutra, self.output) +
        ["--checkpoint", self.checkpoint, "--checkpoint-seconds", str(self.chance.choice([0, 0.1])),
         "--threads", str(self.chance.choice([1, 2]))],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
      if most_seconds is not None:
        time.sleep(self.chance.uniform(0, most_seconds))
        process.kill()
    finally:
      error = process.communicate()[1]
    if process.returncode not in (0, -9):
      sys.exit(f"status {process.returncode}: {error}")
    return process.returncode != 0, "goes on after step" in error


def main():
  lutra = sys.argv[1]
  wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 3
  seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
  chance = random.Random(seed)
  kills = resumed = runs = 0
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    seconds = run_whole(lutra, folder / "whole.onnx")
    whole = (folder / "whole.onnx").read_bytes()
    while kills < wanted:
      attempts = Attempts(lutra, folder, chance)
      killed = True
      while killed:
        killed, went_on = attempts.attempt(seconds if kills < wanted else None)
        kills += killed
        resumed += went_on
      runs += 1
      if attempts.output.read_bytes() != whole:
        sys.exit(f"run {runs} (seed {seed}), killed {kills} times by then, has other bytes")
      if attempts.checkpoint.exists():
        sys.exit(f"run {runs} (seed {seed}) is complete, but its checkpoint is still there")
      attempts.output.unlink()
  if resumed == 0:
    sys.exit(f"no run went on from a checkpoint (seed {seed})")
  print(f"{kills} kills, {resumed} times gone on, {runs} runs to the same bytes (seed {seed})")


if __name__ == "__main__":
  main()
