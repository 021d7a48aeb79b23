// Runs one library on one work in a process of its own and gathers what it reported.
import { spawn } from "node:child_process";
import type { Library } from "./libraries.ts";
import type { Report, Spec } from "./timing.ts";

/** Longer than any honest work takes: the slowest is one training step of half a minute. */
const limitSeconds = 240;

/** Settings that a shell may carry and that would slow a library down, or speed it up unseen. */
const preset = /^(OPENBLAS|OMP|GOMP|KMP|MKL|BLIS|ATEN|DNNL|ONEDNN|MALLOC)_|^(NODE_OPTIONS|GLIBC_TUNABLES|LD_PRELOAD)$/;

export function cleanEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !preset.test(name)));
}

/** The reports among a child's output; libraries print banners between them. */
export function parseReports(output: string): Report[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith('{"case":'))
    .map((line) => JSON.parse(line) as Report);
}

/** The line of a child's complaint that says most: the last that looks like an error, or the last at all. */
export function lastWords(stderr: string): string | undefined {
  const lines = stderr.split("\n").map((line) => line.trim());
  const told = lines.filter((line) => line !== "" && !line.startsWith("at ") && !/^Node\.js v/.test(line));
  return (told.findLast((line) => /error/i.test(line)) ?? told.at(-1))?.slice(0, 200);
}

/** What the child said, and for every case that it did not come to, why it stopped. */
function complete(spec: Spec, reports: readonly Report[], reason: string): Report[] {
  return spec.cases.map(({ name }) => reports.find((report) => report.case === name) ?? { case: name, cannot: reason });
}

export function runChild(library: Library, spec: Spec): Promise<Report[]> {
  const [file, ...args] = library.command;
  const env = { ...cleanEnv(process.env), ...library.env?.(spec.threads) };
  return new Promise((resolve) => {
    const child = spawn(file, [...args, JSON.stringify(spec)], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: limitSeconds * 1000,
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", (error) => resolve(complete(spec, [], error.message)));
    child.on("close", (code, signal) => {
      const stopped = signal === "SIGTERM" ? `took longer than ${limitSeconds} s` : `stopped by ${signal}`;
      const reason = signal ? stopped : (lastWords(stderr) ?? `ended with code ${code} before this case`);
      resolve(complete(spec, parseReports(stdout), reason));
    });
  });
}
