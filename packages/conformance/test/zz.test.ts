import "@dl/backend-cpu";
import { writeSync } from "node:fs";
import * as nn from "@dl/nn";
import { randn, zeros } from "@dl/tensor";
import { test } from "vitest";

test("t", { timeout: 100_000 }, async () => {
  const time = (name: string, f: () => unknown) => {
    const t = performance.now();
    f();
    writeSync(2, `${name} ${performance.now() - t}\n`);
  };
  const x = randn(4, 1, 28, 28),
    w = randn(64, 1, 5, 5);
  for (let i = 0; i < 2; i++) {
    time("conv", () => nn.functional.conv2d(x, w));
    time("mm", () => randn(64, 64).matmul(randn(64, 64)));
    time("relu", () => x.relu());
    time("relu_", () => x.mul(1).relu_());
    const y = randn(4, 64, 24, 24);
    time("pool", () => nn.functional.maxPool2d(y, 2));
    time("Conv2d", () => new nn.Conv2d(1, 64, 5));
    const c = new nn.Conv2d(1, 64, 5);
    time("callconv", () => c(x));
    const s = new nn.Sequential(new nn.ReLU());
    time("seq", () => s(x));
  }
});
