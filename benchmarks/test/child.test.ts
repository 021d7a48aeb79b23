import { describe, expect, it } from "vitest";
import { cleanEnv, lastWords, parseReports, runChild } from "../lib/child.ts";
import { type Library, peers, torchEnv } from "../lib/libraries.ts";
import { availablePeers } from "../lib/setup.ts";
import { measure, type Spec } from "../lib/timing.ts";

const spec: Spec = {
  work: "sgemm",
  cases: ["sgemm-256", "sgemm-512"].map((name) => ({ name, size: { n: 1 } })),
  threads: 2,
  warm: 0,
  budget: 0.001,
  quick: true,
};
const fake = (code: string): Library => ({
  name: "fake",
  peer: "fake",
  threaded: true,
  missing: () => undefined,
  command: [process.execPath, "-e", code],
  env: (threads) => ({ FAKE_THREADS: String(threads) }),
});

describe("runChild", () => {
  it("gathers the reports between banners, and hands over threads and spec", async () => {
    const code = `console.log("Welcome!");
      const spec = JSON.parse(process.argv[1]);
      for (const { name } of spec.cases)
        console.log(JSON.stringify({ case: name, amount: +process.env.FAKE_THREADS, calls: 1, others: 0 }));`;
    const reports = await runChild(fake(code), spec);
    expect(reports).toEqual([
      { case: "sgemm-256", amount: 2, calls: 1, others: 0 },
      { case: "sgemm-512", amount: 2, calls: 1, others: 0 },
    ]);
  });

  it("keeps what a child reported before it died, and its last words for the rest", async () => {
    const code = `console.log('{"case":"sgemm-256","amount":1,"calls":1,"others":0}'); throw new Error("out of luck");`;
    const [first, second] = await runChild(fake(code), spec);
    expect(first).toMatchObject({ amount: 1 });
    expect(second).toEqual({ case: "sgemm-512", cannot: "Error: out of luck" });
  });

  it("says when a program is not there, and which signal stopped one", async () => {
    const absent = await runChild({ ...fake(""), command: ["/absent/program"] }, spec);
    expect(absent[0]).toMatchObject({ cannot: expect.stringContaining("ENOENT") });
    const killed = await runChild(fake(`process.kill(process.pid, "SIGKILL")`), spec);
    expect(killed[1]).toEqual({ case: "sgemm-512", cannot: "stopped by SIGKILL" });
  });
});

describe("the environment", () => {
  it("keeps no preset that would change a library's speed", () => {
    const env = {
      PATH: "/bin",
      OPENBLAS_CORETYPE: "PRESCOTT",
      OPENBLAS_L2_SIZE: "1",
      OMP_NUM_THREADS: "8",
      NODE_OPTIONS: "",
    };
    expect(cleanEnv(env)).toEqual({ PATH: "/bin" });
  });

  it("forces AVX-512 on PyTorch only where the processor has it", () => {
    const with512 = torchEnv(2, "flags : avx2 avx512f avx512dq");
    expect(with512).toMatchObject({
      OPENBLAS_CORETYPE: "SKYLAKEX",
      ATEN_CPU_CAPABILITY: "avx512",
      OMP_NUM_THREADS: "2",
    });
    const without = torchEnv(1, "flags : fma avx2");
    expect(without).not.toHaveProperty("OPENBLAS_CORETYPE");
    expect(without).not.toHaveProperty("ATEN_CPU_CAPABILITY");
    expect(without["GLIBC_TUNABLES"]).toContain("mmap_max=0");
  });
});

describe("words", () => {
  it("finds the line that tells what went wrong", () => {
    expect(lastWords("warning: x\nTypeError: no y\n    at f (a.js:1)\n\nNode.js v20.20.2\n")).toBe("TypeError: no y");
    expect(lastWords("Killed\n")).toBe("Killed");
    expect(lastWords("")).toBeUndefined();
  });

  it("skips what is not installed with one line", () => {
    const said: string[] = [];
    const pytorch = { ...peers[0]!, missing: () => "not installed (do so)" };
    expect(availablePeers([pytorch, fake("")], (text) => said.push(text))).toMatchObject([{ name: "fake" }]);
    expect(said).toEqual(["pytorch: skipped, not installed (do so)"]);
  });

  it("reads only reports", () => {
    expect(parseReports('hello\n{"case":"a","cannot":"b"}\n{"other":1}\n')).toEqual([{ case: "a", cannot: "b" }]);
  });
});

it("measure counts by unit of work, and reports a loss that is no number", async () => {
  const said: string[] = [];
  const { log } = console;
  console.log = (line: string) => said.push(line);
  try {
    await measure(spec, "sgemm-256", () => 0.5, { per: 5 });
    await measure(spec, "sgemm-512", () => undefined, { loss: () => Number.NaN });
    await measure(spec, "not asked", () => undefined);
  } finally {
    console.log = log;
  }
  const reports = parseReports(said.join("\n"));
  expect(reports).toHaveLength(2);
  expect(reports[0]).toMatchObject({ case: "sgemm-256", amount: 0.1 });
  expect(reports[1]).toEqual({ case: "sgemm-512", cannot: "the loss became NaN" });
});
