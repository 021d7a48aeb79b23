"""The numbers of lib/data.ts: its generator, vectorised by doubling."""

import math

import torch


def states(n, seed):
    """The first n states after the seed. From states 1..k come k+1..2k by the k-fold step, x -> factor * x + shift."""
    values, factor, shift = torch.tensor([(seed * 1664525 + 1013904223) & 0xFFFFFFFF]), 1664525, 1013904223
    while len(values) < n:
        values = torch.cat([values, (values * factor + shift) & 0xFFFFFFFF])
        factor, shift = (factor * factor) & 0xFFFFFFFF, (factor * shift + shift) & 0xFFFFFFFF
    return values[:n]


def floats(seed, *shape, scale=1.0):
    """Uniform in [-scale, scale)."""
    return ((states(math.prod(shape), seed).double() / 2147483648 - 1) * scale).float().view(shape)


def wholes(seed, *shape, below):
    """Whole numbers, uniform from 0 to below - 1."""
    return ((floats(seed, *shape, scale=0.5).double() + 0.5) * below).floor().clamp(max=below - 1).long()


def batch_of(size):
    return floats(21, size * 784, scale=0.5), wholes(7, size, below=10)
