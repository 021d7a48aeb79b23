"""What is about processes, not calls: starting one, what it needs of memory, and how it shares the cores."""

import json
import pathlib
import subprocess
import sys

from nets import cnn, digits_trainer
from timing import SIZES, SPEC, measure, report, timed

PROGRAM = pathlib.Path(__file__).with_name("train.py")


def train(size):
    args = [size["steps"], size["batch"], size["learningRate"], SPEC["threads"]]
    command = [sys.executable, str(PROGRAM), *map(str, args)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def call_of(size):
    def call():
        train(size)

    return call


def start():
    for name, size in SIZES.items():
        measure(name, lambda: call_of(size), watched=False)


def memory():
    for name, size in SIZES.items():
        report(name, amount=train(size)["resident"], calls=1, others=0)


def busy_core():
    size = next(iter(SIZES.values()))
    step, loss = digits_trainer(cnn(), (1, 28, 28), size)
    quiet = timed(step, loss=loss)
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        busy = timed(step, loss=loss, watched=False)
    finally:
        other.kill()
    report("busy-core-quiet", **quiet)
    report("busy-core", **busy)
    report("busy-core-share", **{**busy, "amount": busy["amount"] / quiet["amount"]})
