#!/usr/bin/env python3
"""Writes pytorch_values.h: what PyTorch computes for the losses, optimizers and schedules of training,
and for whole steps of a small network.

  make_pytorch_values.py > pytorch_values.h; then scripts/format

Needs PyTorch (Debian's python3-torch is 1.13). Inputs are small exact numbers, so nothing depends on
a generator of random numbers.
"""

import sys

import torch

SCHEDULE_STEPS = 20


def cpp(values):
  """Doubles, all digits."""
  return "{" + ", ".join(repr(float(v)) for v in values) + "}"


def emit(name, values, per_line=4):
  values = [float(v) for v in values]
  print(f"inline const std::vector<double> {name} = {{")
  for at in range(0, len(values), per_line):
    print("    " + ", ".join(repr(v) for v in values[at:at + per_line]) + ",")
  print("};")


def numbers(count, step, start):
  """Multiples of 1/16 from -4 to 4 without a visible pattern."""
  return torch.tensor([((start + step * i * i + 7 * i) % 129 - 64) / 16 for i in range(count)])


def losses():
  f = torch.nn.functional
  rows, classes = 4, 5
  logits = numbers(rows * classes, 13, 5).reshape(rows, classes)
  teacher = numbers(rows * classes, 29, 11).reshape(rows, classes)
  labels = torch.tensor([2, 0, 4, 1])
  soft = f.one_hot(labels, classes) * 0.75 + f.one_hot(labels.flip(0), classes) * 0.25
  emit("kLogits", logits.flatten())
  emit("kTeacher", teacher.flatten())
  emit("kSoftLabels", soft.flatten())
  print("inline const std::vector<int64_t> kLabels = {2, 0, 4, 1};")

  def distillation(x):
    t = 4.0
    return f.kl_div(f.log_softmax(x / t, 1), f.softmax(teacher.double() / t, 1),
                    reduction="batchmean") * t * t

  cases = {
      "CrossEntropy": lambda x: f.cross_entropy(x, labels),
      "Smoothed": lambda x: f.cross_entropy(x, labels, label_smoothing=0.1),
      "Soft": lambda x: f.cross_entropy(x, soft.double()),
      "SoftSmoothed": lambda x: f.cross_entropy(x, soft.double(), label_smoothing=0.1),
      "Nll": lambda x: f.nll_loss(x, labels),
      "Mse": lambda x: f.mse_loss(x, teacher.double()),
      "Distillation": distillation,
  }
  for name, loss in cases.items():
    x = logits.double().requires_grad_()
    value = loss(x)
    value.backward()
    emit(f"kLoss{name}", [value])
    emit(f"kGradient{name}", x.grad.flatten())


def optimizers():
  start = numbers(6, 17, 3)
  gradients = [numbers(6, 5 + 2 * k, k) for k in range(8)]
  emit("kStart", start)
  emit("kGradients", torch.stack(gradients).flatten(), 6)
  rates = [0.1, 0.1, 0.05, 0.05, 0.2, 0.02, 0.01, 0.1]
  print(f"inline const std::vector<double> kRates = {cpp(rates)};")
  cases = {
      "Plain": lambda p: torch.optim.SGD(p, lr=1, momentum=0, weight_decay=0.01),
      "Momentum": lambda p: torch.optim.SGD(p, lr=1, momentum=0.9),
      "Nesterov": lambda p: torch.optim.SGD(p, lr=1, momentum=0.9, nesterov=True,
                                            weight_decay=0.05),
      "Adam": lambda p: torch.optim.Adam(p, lr=1, weight_decay=0.05),
      "AdamW": lambda p: torch.optim.AdamW(p, lr=1, weight_decay=0.05),
      "AdamWOther": lambda p: torch.optim.AdamW(p, lr=1, betas=(0.8, 0.95), eps=1e-3,
                                                weight_decay=0),
  }
  for name, make in cases.items():
    w = torch.nn.Parameter(start.clone())
    optimizer = make([w])
    trace = []
    for rate, gradient in zip(rates, gradients):
      optimizer.param_groups[0]["lr"] = rate
      w.grad = gradient.clone()
      optimizer.step()
      trace.append(w.detach().clone())
    emit(f"kTrace{name}", torch.stack(trace).flatten(), 6)

  vectors = [torch.nn.Parameter(torch.zeros(6)), torch.nn.Parameter(torch.zeros(6))]
  for vector, gradient in zip(vectors, gradients):
    vector.grad = gradient.clone()
  norm = torch.nn.utils.clip_grad_norm_(vectors, 2.5)
  emit("kNorm", [norm])
  emit("kClipped", torch.cat([v.grad for v in vectors]), 6)


def schedules():
  lr = torch.optim.lr_scheduler
  cases = {
      "Steps": lambda o: lr.MultiStepLR(o, [10, 15], 0.1),
      "Cosine": lambda o: lr.CosineAnnealingLR(o, SCHEDULE_STEPS),
      "OneCycle": lambda o: lr.OneCycleLR(o, 0.5, SCHEDULE_STEPS),
      "OneCycleOther": lambda o: lr.OneCycleLR(o, 0.5, SCHEDULE_STEPS, pct_start=0.5, div_factor=10,
                                               final_div_factor=100),
      "WarmCosine": lambda o: lr.SequentialLR(
          o, [lr.LinearLR(o, 0.25, total_iters=4), lr.CosineAnnealingLR(o, SCHEDULE_STEPS - 4)],
          milestones=[4]),
  }
  for name, make in cases.items():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = make(optimizer)
    rates = []
    for _ in range(SCHEDULE_STEPS):
      rates.append(optimizer.param_groups[0]["lr"])
      optimizer.step()
      schedule.step()
    emit(f"kRates{name}", rates)


def fine_numbers(shape, step, scale=1):
  """Multiples of 1/1024 from about -1 to 1 without a visible pattern, times scale."""
  count = torch.Size(shape).numel()
  return torch.tensor([((step * i * i + 7 * i + step) % 2003 - 1001) / 1024 * scale
                       for i in range(count)], dtype=torch.float64).reshape(shape)


class SmallNetwork(torch.nn.Module):
  def __init__(self):
    super().__init__()
    self.conv = torch.nn.Conv2d(2, 4, 3, stride=2, padding=1)
    self.norm = torch.nn.BatchNorm2d(4)
    self.depthwise = torch.nn.Conv2d(4, 4, 3, padding=1, groups=4)
    self.linear = torch.nn.Linear(4, 3)
    self.double()
    with torch.no_grad():
      self.conv.weight.copy_(fine_numbers((4, 2, 3, 3), 31, 0.5))
      self.conv.bias.copy_(fine_numbers((4,), 37, 0.5))
      self.norm.weight.copy_(1 + fine_numbers((4,), 41, 0.5))
      self.norm.bias.copy_(fine_numbers((4,), 43, 0.5))
      self.norm.running_mean.copy_(fine_numbers((4,), 47, 0.5))
      self.norm.running_var.copy_(1 + fine_numbers((4,), 53, 0.5))
      self.depthwise.weight.copy_(fine_numbers((4, 1, 3, 3), 59, 0.5))
      self.depthwise.bias.copy_(fine_numbers((4,), 61, 0.5))
      self.linear.weight.copy_(fine_numbers((3, 4), 67))
      self.linear.bias.copy_(fine_numbers((3,), 71, 0.5))

  def forward(self, x):
    x = torch.relu(self.norm(self.conv(x)))
    x = torch.nn.functional.max_pool2d(x, 2, stride=1)
    return self.linear(self.depthwise(x).mean((2, 3)))


def steps():
  """Ten samples of [2, 9, 9], all of them in every minibatch, in double."""
  samples = fine_numbers((10, 2, 9, 9), 29, 2)
  labels = torch.tensor([i * i % 3 for i in range(10)])
  network = SmallNetwork()
  weights = [p for p in network.parameters() if p.dim() > 1]
  others = [p for p in network.parameters() if p.dim() == 1]
  optimizer = torch.optim.SGD([{"params": weights, "weight_decay": 0.02}, {"params": others}],
                              lr=0.1, momentum=0.9)
  losses = []
  for step in range(20):
    loss = torch.nn.functional.cross_entropy(network(samples), labels)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step + 1 in (1, 20):
      values = [v.flatten() for name, v in network.state_dict().items() if "num_" not in name]
      emit(f"kAfterStep{step + 1}", torch.cat(values))
  emit("kStepLosses", losses)


def main():
  print("// Written by make_pytorch_values.py with PyTorch " + torch.__version__ + "; not by hand.")
  print("#pragma once\n\n#include <cstdint>\n#include <vector>\n")
  print("namespace lutra::converter::train::pytorch {\n")
  losses()
  optimizers()
  schedules()
  steps()
  print("\n}  // namespace lutra::converter::train::pytorch")
  return 0


if __name__ == "__main__":
  sys.exit(main())
