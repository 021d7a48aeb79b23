"""PyTorch on the works of lib/works.ts: the same rule of timing as lib/timing.ts, the same lines on stdout."""

import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from conv import conv
from data import batch_of, floats, wholes
from elementwise import elementwise
from nets import Block, cnn, digits_trainer, mlp, trainer
from processes import busy_core, memory, start
from sweep import sweep
from timing import SIZES, SPEC, measure


def train(make, shape):
    for name, size in SIZES.items():
        step, loss = digits_trainer(make(), shape, size)
        measure(name, lambda: step, loss=loss)


def gpt_train():
    for name, size in SIZES.items():
        block = Block(size["width"], size["heads"], size["tokens"])
        optimizer = torch.optim.AdamW(block.parameters(), lr=size["learningRate"])
        x, target = (floats(seed, size["batch"], size["tokens"], size["width"]) for seed in (3, 4))
        step, loss = trainer(block, optimizer, F.mse_loss, x, target)
        measure(name, lambda: step, loss=loss)


def no_result(call):
    """A call that lets its result go, as it would be let go in a longer program."""

    def quietly():
        call()

    return quietly


def infer():
    model = cnn().eval()
    with torch.no_grad():
        for name, size in SIZES.items():
            pixels = batch_of(size["batch"])[0].view(size["batch"], 1, 28, 28)
            measure(name, lambda: no_result(lambda: model(pixels)))


def sgemm():
    for name, size in SIZES.items():
        m, k, n = size["m"], size["k"], size["n"]
        a = floats(1, k, m).t() if size["tA"] else floats(1, m, k)
        b = floats(2, n, k).t() if size["tB"] else floats(2, k, n)
        measure(name, lambda: no_result(lambda: a @ b))


def chains():
    x, branch, bias = floats(3, 4096, 1024), floats(4, 4096, 1024), floats(5, 1024)
    weight = nn.Parameter(x.clone())
    weight.grad = floats(4, 4096, 1024, scale=0.1)
    optimizer = torch.optim.Adam([weight], lr=1e-6)
    measure("chains-bias-gelu", lambda: no_result(lambda: F.gelu(x + bias)))
    measure("chains-residual-dropout", lambda: no_result(lambda: x + F.dropout(branch, 0.1)))
    measure("chains-adam", lambda: no_result(optimizer.step))


def optimizers():
    shapes = [[512, 784], [512], [512, 512], [512], [10, 512], [10]]
    for name in SIZES:
        parameters = [nn.Parameter(floats(i, *shape)) for i, shape in enumerate(shapes)]
        for i, parameter in enumerate(parameters):
            parameter.grad = floats(i + 10, *shapes[i], scale=0.1)
        optimizer = getattr(torch.optim, name.removeprefix("optimizers-"))(parameters, lr=1e-6)
        measure(name, lambda: no_result(optimizer.step))


def ctc():
    for name, size in SIZES.items():
        steps, batch, classes, labels = (size[key] for key in ("steps", "batch", "classes", "labels"))
        scores = floats(3, steps, batch, classes).requires_grad_()
        targets = wholes(4, batch, labels, below=classes - 1) + 1
        lengths = torch.full((batch,), steps), torch.full((batch,), labels)

        def call():
            F.ctc_loss(F.log_softmax(scores, 2), targets, *lengths).backward()
            scores.grad = None

        measure(name, lambda: call)


def small_op():
    a, b, watched = floats(50, 10), floats(51, 10), floats(50, 10).requires_grad_()
    repeats, links = 2000, 200

    def plain():
        with torch.no_grad():
            for _ in range(repeats):
                torch.add(a, b)

    def recorded():
        for _ in range(repeats):
            torch.add(watched, b)

    def backward():
        total = watched
        for _ in range(links):
            total = torch.add(total, b)
        loss = total.sum()
        begin = time.perf_counter()
        loss.backward()
        return time.perf_counter() - begin

    measure("small-op-plain", lambda: plain, per=repeats)
    measure("small-op-recorded", lambda: recorded, per=repeats)
    measure("small-op-backward", lambda: backward, per=links)


WORKS = {
    "cnn-train": lambda: train(cnn, (1, 28, 28)),
    "cnn-inference": infer,
    "mlp-train": lambda: train(mlp, (784,)),
    "gpt-train": gpt_train,
    "sgemm": sgemm,
    "elementwise": elementwise,
    "chains": chains,
    "optimizers": optimizers,
    "ctc": ctc,
    "small-op": small_op,
    "conv": conv,
    "start": start,
    "busy-core": busy_core,
    "memory": memory,
}
torch.set_num_threads(SPEC["threads"])
torch.manual_seed(0)
(sweep if SPEC["work"].startswith("sweep-") else WORKS[SPEC["work"]])()
