// The program that trains in a process of its own, on the Node and with the V8 flags of this one, without our loader.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Spec } from "../lib/timing.ts";

const file = fileURLToPath(new URL("../programs/train.mjs", import.meta.url));
const loader = process.execArgv.indexOf("--import");
const flags = process.execArgv.filter((_, i) => loader < 0 || (i !== loader && i !== loader + 1));

/** Bytes: the most that the process held, and the most that the tensors did. */
export interface Peak {
  readonly resident: number;
  readonly tensors: number;
}

export function train(spec: Spec, size: Readonly<Record<string, number>>): Peak {
  const args = [size["steps"]!, size["batch"]!, size["learningRate"]!, spec.threads].map(String);
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, file, ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr.split("\n").find((line) => /error/i.test(line)) ?? `ended with ${status}`);
  return JSON.parse(stdout) as Peak;
}
