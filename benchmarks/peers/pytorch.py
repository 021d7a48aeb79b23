"""PyTorch on the works of lib/works.ts: the same rule of timing as lib/timing.ts, the same lines on stdout."""

import json
import math
import os
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

SPEC = json.loads(sys.argv[1])
torch.set_num_threads(SPEC["threads"])
torch.manual_seed(0)
SIZES = {case["name"]: case["size"] for case in SPEC["cases"]}


def busy_seconds():
    user, nice, system, _, _, irq, soft = map(int, open("/proc/stat").readline().split()[1:8])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def repeat(call, seconds, least):
    times, start = [], time.perf_counter()
    while True:
        elapsed = time.perf_counter() - start
        if elapsed >= seconds and (len(times) >= least or elapsed >= 10 * seconds):
            return sorted(times)
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)


def measure(name, call, per=1, loss=lambda: 0.0):
    if name not in SIZES:
        return
    repeat(call, SPEC["warm"], 2)
    busy, own, start = busy_seconds(), time.process_time(), time.perf_counter()
    times = repeat(call, SPEC["budget"], 3)
    others = (busy_seconds() - busy - (time.process_time() - own)) / (time.perf_counter() - start)
    line = {"case": name, "cannot": f"the loss became {loss()}"}
    if math.isfinite(loss()):
        median = (times[len(times) // 2] + times[(len(times) - 1) // 2]) / 2
        line = {"case": name, "seconds": median / per, "calls": len(times), "others": max(0.0, others)}
    print(json.dumps(line, separators=(",", ":")), flush=True)


def uniform(n, seed, scale):
    values, state = [], seed
    for _ in range(n):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values.append((state / 2147483648 - 1) * scale)
    return torch.tensor(values)


def batch_of(size):
    digits = ((uniform(size, 7, 0.5) + 0.5) * 10).floor().clamp(max=9).long()
    return uniform(size * 784, 21, 0.5), digits


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 64, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(64, 32, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip


def mlp():
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


def train(name, model, shape):
    size = SIZES[name]
    pixels, digits = batch_of(size["batch"])
    pixels = pixels.view(size["batch"], *shape)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=size["learningRate"])
    losses = [0.0]

    def step():
        optimizer.zero_grad()
        loss = criterion(model(pixels), digits)
        loss.backward()
        optimizer.step()
        losses[0] = loss.item()

    measure(name, step, loss=lambda: losses[0])


def infer():
    model, batch = cnn().eval(), SIZES["cnn-inference"]["batch"]
    pixels = batch_of(batch)[0].view(batch, 1, 28, 28)
    with torch.no_grad():
        measure("cnn-inference", lambda: model(pixels))


def sgemm():
    for name, size in SIZES.items():
        a, b = torch.randn(size["n"], size["n"]), torch.randn(size["n"], size["n"])
        measure(name, lambda: a @ b)


def elementwise():
    n = 4 * 1024 * 1024
    a, b, rows = torch.randn(n), torch.randn(n), torch.randn(4096, 1024)
    measure("elementwise-add", lambda: a + b)
    measure("elementwise-gelu", lambda: F.gelu(a))
    measure("elementwise-sum", lambda: a.sum())
    measure("elementwise-softmax", lambda: torch.softmax(rows, -1))


def small_op():
    a, b = torch.randn(10), torch.randn(10)
    watched, repeats = torch.randn(10, requires_grad=True), 2000

    def plain():
        with torch.no_grad():
            for _ in range(repeats):
                torch.add(a, b)

    def recorded():
        for _ in range(repeats):
            torch.add(watched, b)

    measure("small-op-plain", plain, per=repeats)
    measure("small-op-recorded", recorded, per=repeats)


WORKS = {
    "cnn-train": lambda: train("cnn-train", cnn(), (1, 28, 28)),
    "cnn-inference": infer,
    "mlp-train": lambda: train("mlp-train", mlp(), (784,)),
    "sgemm": sgemm,
    "elementwise": elementwise,
    "small-op": small_op,
}
WORKS[SPEC["work"]]()
