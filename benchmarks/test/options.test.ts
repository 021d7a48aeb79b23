import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { checkWritable, writeRows } from "../lib/files.ts";
import { parseOptions, UsageError } from "../lib/options.ts";
import { sweeps } from "../lib/sweep.ts";
import { works } from "../lib/works.ts";

describe("parseOptions", () => {
  it("runs everything when nothing is asked", () => {
    const options = parseOptions([]);
    expect(options.only).toEqual(Object.values(works).flatMap((cases) => cases.map(({ name }) => name)));
    expect(options.peers).toEqual([
      "pytorch",
      "jax-js",
      "tfjs-wasm",
      "tfjs-cpu",
      "onnxruntime-node",
      "onnxruntime-web",
    ]);
    expect(options.json).toBeUndefined();
  });

  it("takes a work for all its cases, and a single case for itself", () => {
    expect(parseOptions(["--only", "sgemm-512,small-op"]).only).toEqual([
      "sgemm-512",
      "small-op-plain",
      "small-op-recorded",
      "small-op-backward",
    ]);
  });

  it("takes the sweep, or a part of it, only when it is asked for", () => {
    const rows = Object.values(sweeps).flat();
    expect(parseOptions(["--only", "sweep"]).only).toEqual(rows.map(({ name }) => name));
    expect(parseOptions(["--only", "sweep-casts"]).only).toHaveLength(72);
    expect(() => parseOptions(["--only", "sweeps"])).toThrow(/Use one or more of: .*sweep, sweep-unary, sweep-binary/);
  });

  it("takes peers by their name, and none", () => {
    expect(parseOptions(["--peers", "tfjs"]).peers).toEqual(["tfjs-wasm", "tfjs-cpu"]);
    expect(parseOptions(["--peers", "none"]).peers).toEqual([]);
  });

  it("takes another Node for us, and its flags", () => {
    const options = parseOptions(["--node", "/opt/node", "--node-flags=--expose-gc, --max-lazy"]);
    expect(options).toMatchObject({ node: "/opt/node", nodeFlags: ["--expose-gc", "--max-lazy"] });
    expect(parseOptions([])).toMatchObject({ node: undefined, nodeFlags: [] });
  });

  it("takes several numbers of threads, each once", () => {
    expect(parseOptions(["--threads", "2,1,2"]).threads).toEqual([2, 1]);
  });

  it.each([
    [["--only", "gemm"], /--only got "gemm".*sgemm/],
    [["--only", ""], /--only got ""/],
    [["--peers", "torch,numpy"], /--peers got "numpy".*jax-js/],
    [["--threads", "two"], /--threads got "two".*whole numbers/],
    [["--threads", "0"], /--threads got "0"/],
    [["--json", ""], /--json got ""/],
    [["--fast"], /Unknown option '--fast'.*--help/],
    [["cnn-train"], /cnn-train.*--help/],
    [["--json"], /--json.*--help/],
  ])("refuses %j", (args, message) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
    expect(() => parseOptions(args)).toThrow(message);
  });
});

describe("the result file", () => {
  const folder = mkdtempSync(join(tmpdir(), "dl-bench-test-"));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("is written whole, and nothing is left beside it", () => {
    const row = { work: "sgemm-256", library: "dl", threads: 1, value: 50, unit: "GFLOP/s" };
    const rows = [{ ...row, higherIsBetter: true, oursOver: 1 }];
    writeRows(join(folder, "rows.json"), rows);
    expect(JSON.parse(readFileSync(join(folder, "rows.json"), "utf8"))).toEqual(rows);
    expect(readdirSync(folder)).toEqual(["rows.json"]);
  });

  it("is refused before the run where it cannot be written", () => {
    expect(() => checkWritable(join(folder, "absent", "rows.json"))).toThrow(/no folder to write to/);
    expect(() => checkWritable(tmpdir())).toThrow(/is a folder/);
  });
});
