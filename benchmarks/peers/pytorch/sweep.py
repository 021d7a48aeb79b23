"""The rows of lib/sweep.ts: their words are Python's; the inputs are those of works/sweep-inputs.ts."""

import re

import torch
import torch.nn.functional as F

from data import floats, wholes
from timing import SPEC, measure

ROWS = (4096, 1024)


def ordinary(seed, shape, dtype):
    base = floats(seed, *shape)
    if dtype == torch.bool:
        return base > 0
    if dtype == torch.uint8:
        return (base.abs() * 100).floor().to(dtype)
    return (base * 4).to(dtype) if dtype.is_floating_point else (base * 500).floor().to(dtype)


def divisor(seed, dtype):
    if dtype.is_floating_point or dtype == torch.bool:
        return ordinary(seed, ROWS, dtype)
    return ((floats(seed, *ROWS).abs() * 99).floor() + 1).to(dtype)


def of(seed, *shape):
    return lambda dtype: ordinary(seed, shape, dtype)


def small(seed, *shape):
    return lambda dtype: floats(seed, *shape).to(dtype)


def within(change):
    return lambda dtype: change(floats(3, *ROWS)).to(dtype)


def definite(_):
    base = floats(3, 256, 256)
    return base @ base.t() + (floats(3, 256).abs().diag() * 256)


MAKERS = {
    "x": of(3, *ROWS),
    "y": lambda dtype: divisor(4, dtype),
    "z": lambda dtype: divisor(8, dtype),
    "flat": small(3, 4194304),
    "flat2": small(4, 4194304),
    "positive": within(lambda base: base.abs() * 4 + 0.01),
    "above": within(lambda base: base.abs() * 4 + 1.01),
    "unit": within(lambda base: base * 0.99),
    "share": within(lambda base: base.abs() * 0.98 + 0.01),
    "share2": within(lambda base: base.abs() * 0.9 + 0.05),
    "signs": within(lambda base: torch.where(base < 0, -1, 1)),
    "row": small(5, 1024),
    "bias": small(9, 1024),
    "channel": small(5, 64),
    "slope": small(5, 1),
    "column": small(5, 4096, 1),
    "square": of(3, 2048, 2048),
    "turned": lambda dtype: ordinary(4, (2048, 2048), dtype).t(),
    "strided": lambda dtype: ordinary(4, (4096, 2048), dtype).view(4096, 1024, 2).select(2, 0),
    "even": lambda dtype: ordinary(4, (8192, 1024), dtype).view(4096, 2, 1024).select(1, 0),
    "cube": of(3, 64, 256, 256),
    "planes": small(3, 16, 64, 64, 64),
    "series": small(3, 64, 64, 1024),
    "volumes": small(3, 4, 16, 40, 40, 40),
    "images": small(3, 4, 16, 128, 128),
    "mask": lambda _: floats(6, *ROWS) > 0,
    "picks": lambda _: wholes(6, *ROWS, below=1024),
    "which": lambda _: wholes(6, 4096, below=4096),
    "columns": lambda _: wholes(7, 1024, below=1024),
    "labels": lambda _: wholes(7, 4096, below=1024),
    "tokens": lambda _: wholes(6, 8192, below=8192),
    "book": small(3, 8192, 512),
    "edges": lambda _: torch.linspace(-4, 4, 1000),
    "few": lambda _: wholes(8, 10, below=1000),
    "weights": lambda _: floats(3, 4096).abs(),
    "many_a": small(3, 64, 128, 64),
    "many_b": small(4, 64, 64, 128),
    "many_c": small(5, 64, 128, 128),
    "bilinear": small(6, 16, 64, 64),
    "definite": definite,
}
MATRIX = re.compile(r"([ab])_(\d+)_(\d+)$")


def make(name, dtype):
    found = MATRIX.match(name)
    if not found:
        return MAKERS[name](dtype)
    values = floats(3 if found[1] == "a" else 4, int(found[2]), int(found[3]))
    return values.to(dtype) if dtype.is_floating_point else (values * 10).floor().to(dtype)


def inputs_of(text):
    return {word for word in re.findall(r"[a-z]\w*", text) if word in MAKERS or MATRIX.match(word)}


def at(x, *index):
    return x[index]


DIFFERENTIABLE = {"x", "positive", "share", "planes", "series", "volumes", "images"}
DIFFERENTIABLE |= {"row", "bias", "channel", "slope", "column", "book"}


def forward(code, names, inputs):
    scope = {**names, **inputs}

    def call():
        with torch.no_grad():
            eval(code, scope)

    return call


def forward_backward(code, names, inputs):
    """From a gradient that is there already, as inside a network."""
    watched = [tensor.detach().requires_grad_() for name, tensor in inputs.items() if name in DIFFERENTIABLE]
    fresh = dict(zip([name for name in inputs if name in DIFFERENTIABLE], watched))
    scope = {**names, **inputs, **fresh}

    def result():
        value = eval(code, scope)
        return value if isinstance(value, torch.Tensor) else value[0]

    gradient = torch.ones_like(result().detach())

    def call():
        for tensor in watched:
            tensor.grad = None
        result().backward(gradient)

    return call


def sweep():
    names = {**vars(torch), "F": F, "at": at}
    made, last = {}, None
    for case in sorted(SPEC["cases"], key=lambda case: case["call"]["dtype"]):
        call = case["call"]
        if call["dtype"] != last:
            made, last = {}, call["dtype"]

        def set_up():
            for name in inputs_of(call["text"]) - made.keys():
                made[name] = make(name, getattr(torch, call["dtype"]))
            inputs = {name: made[name] for name in inputs_of(call["text"])}
            code = compile(call["text"], case["name"], "eval")
            return (forward_backward if call["gradient"] else forward)(code, names, inputs)

        measure(case["name"], set_up)
        if re.search(r"\w_\(", call["text"]):
            made = {}
