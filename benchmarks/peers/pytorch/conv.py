"""Convolutions of the shapes that the spec gives."""

import torch
import torch.nn.functional as F

from data import floats
from timing import SIZES, measure

PLAIN = [F.conv1d, F.conv2d, F.conv3d]
TRANSPOSED = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d]


def inputs_of(size):
    dims, groups = size["dims"], size["groups"]
    first, second = (size["from"], size["to"]) if size["transposed"] else (size["to"], size["from"])
    x = floats(3, size["batch"], size["from"], *[size["length"]] * dims)
    weight = floats(4, first, second // groups, *[size["kernel"]] * dims, scale=0.1)
    return x, weight, floats(5, size["to"], scale=0.1)


def convolve(size, inputs):
    call = (TRANSPOSED if size["transposed"] else PLAIN)[size["dims"] - 1]
    return call(*inputs, **{key: size[key] for key in ("stride", "padding", "dilation", "groups")})


def forward(size):
    inputs = inputs_of(size)

    def call():
        with torch.no_grad():
            convolve(size, inputs)

    return call


def forward_backward(size):
    """From a gradient that is there already, as inside a network."""
    inputs = inputs_of(size)
    watched = inputs if size["inner"] else inputs[1:]
    gradient = floats(6, *convolve(size, inputs).shape)
    for tensor in watched:
        tensor.requires_grad_()

    def call():
        for tensor in watched:
            tensor.grad = None
        convolve(size, inputs).backward(gradient)

    return call


def conv():
    for name, size in SIZES.items():
        measure(name, lambda: (forward_backward if name.endswith("-train") else forward)(size))
