#!/usr/bin/env python3
"""Kills `lutra train` at random moments and lets it go on: the same bytes as a run left alone.

  kill_and_resume.py [--tune | --budget] LUTRA [KILLS [SEED]]

The example's network learns anew from the example's test images (augmented, moving average, best
epoch by validation). A run is killed (SIGKILL) after a random part of the time that a whole run takes,
started again with another number of threads and another pause between checkpoints, and so on until
it is complete; runs follow each other until KILLS (3) have died. Each must leave the ONNX file of the
undisturbed run, and no checkpoint. With --tune it is `lutra tune`, with pruning and codebooks, and its model;
with --budget too, but with a size that takes zeros.
"""

import argparse
import pathlib
import random
import subprocess
import sys
import tempfile
import time

SHAPES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "shapes"


TASKS = {
    "train": ["--fresh", "--epochs", "3", "--augment", "crop:2,noise:0.05", "--average", "0.9"],
    "tune": ["--weights", "codebook4", "--sparsity", "50", "--epochs", "4"],
    "budget": ["--weights", "linear3", "--max-size", "10500", "--codec", "best", "--epochs", "4"],
}


def command(lutra, task, output):
  return [lutra, "train" if task == "train" else "tune", SHAPES / "shapes.onnx", "-o", output, "--data", SHAPES / "test.json",
          *TASKS[task]]


def run_whole(lutra, task, output):
  start = time.monotonic()
  subprocess.run(command(lutra, task, output), check=True, stdout=subprocess.DEVNULL)
  return time.monotonic() - start


class Attempts:
  """One run, in as many processes as it takes."""

  def __init__(self, lutra, task, folder, chance):
    self.output = folder / "killed"
    self.checkpoint = folder / "run.checkpoint"
    self.lutra, self.task, self.chance = lutra, task, chance

  def attempt(self, most_seconds):
    """Whether it was killed, and whether it began where another had ended."""
    process = subprocess.Popen(
        command(self.lutra, self.task, self.output) +
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
  parser = argparse.ArgumentParser()
  parser.add_argument("--tune", action="store_const", dest="task", const="tune", default="train")
  parser.add_argument("--budget", action="store_const", dest="task", const="budget")
  parser.add_argument("lutra")
  parser.add_argument("kills", nargs="?", type=int, default=3)
  parser.add_argument("seed", nargs="?", type=int, default=1)
  arguments = parser.parse_args()
  lutra, wanted, seed = arguments.lutra, arguments.kills, arguments.seed
  task = arguments.task
  chance = random.Random(seed)
  kills = resumed = runs = 0
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    seconds = run_whole(lutra, task, folder / "whole")
    whole = (folder / "whole").read_bytes()
    while kills < wanted:
      attempts = Attempts(lutra, task, folder, chance)
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
