"""The networks, and a step of training one as everyone writes it."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from data import batch_of


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 64, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(64, 32, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip


def mlp():
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


class Block(nn.Module):
    """A decoder's block as nanoGPT writes it: norms first, causal attention from its parts, a residual around each half."""

    def __init__(self, width, heads, tokens):
        super().__init__()
        self.heads = heads
        self.ln1, self.qkv, self.proj = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.ln2, self.fc1, self.fc2 = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.register_buffer("mask", torch.ones(tokens, tokens, dtype=torch.bool).triu(1))

    def attend(self, x):
        batch, tokens, width = x.shape
        depth = width // self.heads
        parts = self.qkv(x).split(width, 2)
        q, k, v = (part.view(batch, tokens, self.heads, depth).transpose(1, 2) for part in parts)
        scores = (q @ k.transpose(-2, -1)) * depth**-0.5
        weights = scores.masked_fill(self.mask, float("-inf")).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(batch, tokens, width))

    def forward(self, x):
        attended = x + self.attend(self.ln1(x))
        return attended + self.fc2(F.gelu(self.fc1(self.ln2(attended))))


def trainer(model, optimizer, criterion, inputs, targets):
    """A step, and the loss of the last one: it is read, as a loop with a progress bar does."""
    losses = [0.0]

    def step():
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses[0] = loss.item()

    return step, lambda: losses[0]


def digits_trainer(model, shape, size):
    pixels, digits = batch_of(size["batch"])
    optimizer = torch.optim.SGD(model.parameters(), lr=size["learningRate"])
    return trainer(model, optimizer, nn.CrossEntropyLoss(), pixels.view(size["batch"], *shape), digits)
