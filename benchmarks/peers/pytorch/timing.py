"""The rule of timing of lib/timing.ts: what is asked (SPEC), how a call is timed, and the line that answers."""

import json
import math
import os
import sys
import time

SPEC = json.loads(sys.argv[1])
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
        own = call()
        times.append(own if isinstance(own, float) else time.perf_counter() - begin)


def timed(call, per=1, loss=lambda: 0.0, watched=True):
    repeat(call, SPEC["warm"], 2)
    busy, own, start = busy_seconds(), time.process_time(), time.perf_counter()
    times = repeat(call, SPEC["budget"], 3)
    others = (busy_seconds() - busy - (time.process_time() - own)) / (time.perf_counter() - start)
    if not math.isfinite(loss()):
        raise ArithmeticError(f"the loss became {loss()}")
    median = (times[len(times) // 2] + times[(len(times) - 1) // 2]) / 2
    return {"amount": median / per, "calls": len(times), "others": max(0.0, others) if watched else 0.0}


def report(name, **line):
    print(json.dumps({"case": name, **line}, separators=(",", ":")), flush=True)


def measure(name, set_up, **options):
    """Sets one case up and times it, if the spec asks for it; what goes wrong becomes the reason why it cannot be done."""
    if name not in SIZES:
        return
    try:
        report(name, **timed(set_up(), **options))
    except Exception as error:
        report(name, cannot=" ".join(str(error).split())[:200])
