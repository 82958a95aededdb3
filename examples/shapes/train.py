#!/usr/bin/env python3
"""Trains the example's network on freshly drawn shapes and exports shapes.onnx (FP32, opset 13).

Needs numpy and PyTorch (Debian: python3-torch); about five minutes on one core. The exported file
is committed, so nobody has to run this.
"""
import pathlib

import torch
from torch import nn

from make_data import draw


def conv(inputs, outputs, kernel, **options):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False, **options),
        nn.BatchNorm2d(outputs), nn.ReLU6())


class Residual(nn.Module):
    """Depthwise 3 x 3, pointwise, and the input added to it."""

    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(conv(channels, channels, 3, groups=channels),
                                  conv(channels, channels, 1))

    def forward(self, x):
        return x + self.body(x)


def network():
    return nn.Sequential(
        conv(1, 16, 3), nn.MaxPool2d(2),
        conv(16, 32, 3), Residual(32), nn.MaxPool2d(2),
        conv(32, 64, 3), Residual(64), Residual(64),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def tensors(count, seed):
    images, labels = draw(count, seed)
    return torch.from_numpy(images).float().unsqueeze(1) / 255, torch.from_numpy(labels).long()


def accuracy(model, images, labels):
    model.eval()
    with torch.no_grad():
        return (model(images).argmax(1) == labels).float().mean().item()


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)
    model = network()
    print("parameters:", sum(p.numel() for p in model.parameters()))
    images, labels = tensors(20000, seed=1)
    test_images, test_labels = tensors(400, seed=3)
    epochs, batch = 12, 64
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 3e-3, total_steps=epochs * (len(images) // batch))
    loss_function = nn.CrossEntropyLoss()
    for epoch in range(epochs):
        model.train()
        order = torch.randperm(len(images))
        for start in range(0, len(images) - batch + 1, batch):
            pick = order[start:start + batch]
            optimizer.zero_grad()
            loss_function(model(images[pick]), labels[pick]).backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch}: test accuracy {accuracy(model, test_images, test_labels):.4f}",
              flush=True)
    model.eval()
    path = pathlib.Path(__file__).resolve().parent / "shapes.onnx"
    torch.onnx.export(model, test_images[:1], str(path), opset_version=13, input_names=["image"],
                      output_names=["scores"],
                      dynamic_axes={"image": {0: "batch"}, "scores": {0: "batch"}})
    print("wrote", path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
