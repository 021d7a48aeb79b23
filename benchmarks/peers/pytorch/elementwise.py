"""Element-wise work, reductions and what else runs over 4 M elements: inputs, and what is done with them."""

import torch
import torch.nn.functional as F

from data import floats, wholes
from timing import measure

N = 4 * 1024 * 1024


def flat():
    return floats(3, N, scale=4)


def other():
    return floats(4, N, scale=4)


def rows():
    return floats(3, 4096, 1024, scale=4)


def square():
    return floats(3, 2048, 2048)


def planes():
    return floats(3, 16, 64, 64, 64)


def vector(size):
    return lambda: floats(5, size)


def picks():
    return wholes(6, 4096, 1024, below=1024)


TABLE = {
    "add": ([flat, other], lambda x, y: x + y),
    "add-row": ([rows, vector(1024)], lambda x, y: x + y),
    "add-column": ([rows, lambda: floats(5, 4096, 1)], lambda x, y: x + y),
    "add-transposed": ([square, lambda: floats(4, 2048, 2048)], lambda x, y: x + y.t()),
    "add-f64": ([lambda: flat().double(), lambda: other().double()], lambda x, y: x + y),
    "add-i64": ([lambda: wholes(3, N, below=1000), lambda: wholes(4, N, below=1000)], lambda x, y: x + y),
    "cast-f32-i32": ([flat], lambda x: x.int()),
    "cast-i64-f32": ([lambda: wholes(3, N, below=1000)], lambda x: x.float()),
    "cast-f32-f64": ([flat], lambda x: x.double()),
    "exp": ([flat], lambda x: x.exp()),
    "tanh": ([flat], lambda x: x.tanh()),
    "gelu": ([flat], F.gelu),
    "sum": ([flat], lambda x: x.sum()),
    "sum-last": ([rows], lambda x: x.sum(-1)),
    "sum-first": ([rows], lambda x: x.sum(0)),
    "mean": ([flat], lambda x: x.mean()),
    "var": ([rows], lambda x: x.var(-1)),
    "max": ([rows], lambda x: x.max(-1)),
    "softmax": ([rows], lambda x: x.softmax(-1)),
    "log-softmax": ([rows], lambda x: x.log_softmax(-1)),
    "layer-norm": ([rows, vector(1024), vector(1024)], lambda x, w, b: F.layer_norm(x, [1024], w, b)),
    "batch-norm": ([planes, vector(64), vector(64)], lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True)),
    "max-pool": ([planes], lambda x: F.max_pool2d(x, 2)),
    "avg-pool": ([planes], lambda x: F.avg_pool2d(x, 2)),
    "adaptive-pool": ([planes], lambda x: F.adaptive_avg_pool2d(x, 7)),
    "interpolate": (
        [lambda: floats(3, 4, 16, 128, 128)],
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    ),
    "pixel-shuffle": ([planes], lambda x: F.pixel_shuffle(x, 2)),
    "embedding": ([lambda: wholes(6, 8192, below=8192), lambda: floats(3, 8192, 512)], F.embedding),
    "sort": ([rows], lambda x: x.sort(-1)),
    "topk": ([rows], lambda x: x.topk(10)),
    "cumsum": ([rows], lambda x: x.cumsum(-1)),
    "gather": ([rows, picks], lambda x, index: x.gather(1, index)),
    "scatter-add": (
        [rows, picks, lambda: floats(4, 4096, 1024)],
        lambda x, index, source: x.scatter_add(1, index, source),
    ),
    "index-select": ([rows, lambda: wholes(6, 4096, below=4096)], lambda x, index: x.index_select(0, index)),
    "where": ([lambda: flat() > 0, flat, other], torch.where),
    "dropout": ([flat], lambda x: F.dropout(x, 0.5)),
    "randn": ([], lambda: torch.randn(N)),
    "rand": ([], lambda: torch.rand(N)),
    "cat": ([lambda: floats(3, N // 2), lambda: floats(4, N // 2)], lambda x, y: torch.cat([x, y])),
    "transpose": ([square], lambda x: x.t().contiguous()),
    "max-i64": ([picks], lambda x: x.max(-1)),
    "linspace": ([], lambda: torch.linspace(0, 1, N)),
    "randperm": ([], lambda: torch.randperm(N)),
    "unique": ([picks], torch.unique),
    "searchsorted": ([lambda: torch.linspace(-4, 4, 1000), flat], torch.searchsorted),
}


def set_up(makers, op):
    inputs = [make() for make in makers]

    def call():
        op(*inputs)

    return call


def elementwise():
    with torch.no_grad():
        for op, (makers, body) in TABLE.items():
            measure(f"elementwise-{op}", lambda: set_up(makers, body))
