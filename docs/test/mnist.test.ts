/** The main job as its users run it: a process of its own, once through `npm start` in a terminal. */
import "@dl/backend-cpu";
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { load } from "@dl/checkpoint";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { startMirror } from "../../packages/vision-datasets/test/server.ts";
import { openDigits } from "../examples/mnist/data.ts";
import { evaluate } from "../examples/mnist/evaluate.ts";
import { Net } from "../examples/mnist/net.ts";
import { parseOptions } from "../examples/mnist/options.ts";
import { checkOut } from "../examples/mnist/out.ts";
import { sampleDigits } from "../examples/mnist/sample.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Stands beside the project where the tests are complete. */
const mnist = join(root, "../shared/data/mnist");
const folder = mkdtempSync(join(tmpdir(), "dl-main-job-"));
const out = join(folder, "weights.safetensors");
beforeEach(() => rmSync(out, { force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});
afterAll(() => rmSync(folder, { recursive: true }));

const command = ["--import", "tsx", "--conditions=@dl/source", "docs/examples/mnist.ts"];
const env = { ...process.env, DL_HOME: join(folder, "home"), DL_OFFLINE: "1", DL_MIRROR: "" };

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `act` is told all that was printed so far, each time that there is more. */
function run(
  [program, ...args]: readonly [string, ...string[]],
  options: SpawnOptions = {},
  act: (child: ChildProcess, stdout: string) => void = () => {},
): Promise<Run> {
  const child = spawn(program, args, { cwd: root, env, timeout: 50_000, killSignal: "SIGKILL", ...options });
  let [stdout, stderr] = ["", ""];
  child.stdout!.setEncoding("utf8").on("data", (text) => act(child, (stdout += text)));
  child.stderr!.on("data", (text) => (stderr += text));
  return new Promise((done) => child.on("close", (code) => done({ code, stdout, stderr })));
}

const job = (args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Run> =>
  run([process.execPath, ...command, "--out", out, ...args], { env: { ...env, ...more } });

test("without MNIST it says so in one line, learns from the sample, and saves what it measured", async () => {
  const { code, stdout, stderr } = await job(["--epochs", "1", "--limit", "2560"]);
  expect([code, stderr]).toEqual([0, ""]);
  const lines = stdout.split("\n");
  expect(lines[0]).toBe(
    "No MNIST in the cache, DL_OFFLINE forbids downloads: training on a sample of its digits (--data DIR takes your files)",
  );
  expect(lines[1]).toBe("Sample digits: 2560 images to learn from, 1996 in the sample's held-out part");
  expect(lines[3]).toMatch(
    /^epoch 1\/1 █{20} 100% {2}loss \d\.\d{4} {2}accuracy \d+\.\d % {2}\d+ images\/s {2}took 0:/,
  );
  const [, accuracy] = /^accuracy: (\d+\.\d) % of the sample's held-out part \(1996 images\)$/m.exec(stdout)!;
  expect(Number(accuracy)).toBeGreaterThan(80);
  expect(stdout).not.toContain("the test set");
  const counts = [...stdout.matchAll(/^digit \d +(.*)$/gm)].map(([, row]) => row!.replaceAll("·", "0").split(/ +/));
  expect(counts.map((row) => row.length)).toEqual(Array(10).fill(10));
  expect(counts.flat().reduce((sum, count) => sum + Number(count), 0)).toBe(1996);
  expect(stdout).toMatch(/^\d ✓/m);
  expect(stdout.trimEnd().endsWith(`The weights are saved in ${out}`)).toBe(true);

  const model = new Net();
  model.loadStateDict(await load(out));
  const again = evaluate(model, sampleDigits().test, "cpu").accuracy;
  expect((100 * again).toFixed(1)).toBe(accuracy);
});

test("a loss that is no number stops it, with the step and what to change", async () => {
  const { code, stderr } = await job(["--limit", "640", "--optimizer", "sgd", "--lr", "1e9"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^The loss became (NaN|Infinity) in epoch 1, step \d, and no weights were saved\. .*for example --lr 0\.01\n$/,
  );
  expect(existsSync(out)).toBe(false);
});

test("what cannot be meant is refused before anything starts", async () => {
  expect(await job(["--out", folder])).toEqual({
    code: 1,
    stdout: "",
    stderr: `--out ${folder}: cannot be written (it is a folder). Name a file in a folder that you can write to\n`,
  });
  await expect(checkOut(join(folder, "none/w"))).rejects.toThrow(
    /^--out .*none\/w: cannot be written \(ENOENT: [^,]*\)/,
  );
  await expect(checkOut(out)).resolves.toBeUndefined();
  expect(existsSync(out)).toBe(false);
});

test.each([
  [["--epoch", "1"], /^Unknown option '--epoch'\. See npm start -- --help$/],
  [["1"], /^Unexpected argument '1'\. See/],
  [["--epochs"], /^Option '--epochs <value>' argument missing\. See/],
  [["--epochs", "0"], /^--epochs takes a whole number of at least 1, got "0"/],
  [["--lr", "fast"], /^--lr takes a number above 0, got "fast"/],
  [["--optimizer", "lion"], /^--optimizer takes adam or sgd, got "lion"/],
])("%j is refused", (args, message) => {
  expect(() => parseOptions(args)).toThrow(message);
});

test("a folder of the user's must be one, and its files whole", async () => {
  const damaged = join(folder, "damaged");
  mkdirSync(damaged);
  writeFileSync(join(damaged, "train-images-idx3-ubyte"), "<html>");
  writeFileSync(join(damaged, "train-labels-idx1-ubyte"), "");
  const open = (data: string) => openDigits({ data, limit: 1 });
  await expect(open(join(folder, "none"))).rejects.toThrow(/^--data .*none: there is no such folder\. Check the path/);
  await expect(open(damaged)).rejects.toThrow(/ubyte: starts with 3c 68 74 6d \(perhaps a web page\).*is damaged/);
});

const terminal = process.platform === "linux" && existsSync("/usr/bin/script");
if (!terminal) console.log("skipped: Ctrl-C in a terminal needs Linux's script");

test.skipIf(!terminal)("npm start in a terminal: Ctrl-C stops it and saves", async () => {
  const line = `stty cols 70 -echo; npm start -- --epochs 1000 --limit 640 --out ${out}`;
  let pressed = false;
  const { code, stdout } = await run(["script", "-qec", line, "/dev/null"], {}, ({ stdin }, text) => {
    if (pressed || !text.includes("epoch 2/1000")) return;
    pressed = true;
    stdin!.write("\x03");
  });
  expect(code).toBe(130);
  expect(stdout).toMatch(/Stopped in epoch \d+, step \d+\. The weights so far are saved in .*weights\.safetensors\s*$/);
  const drawn = stripVTControlCharacters(stdout.replaceAll("\x1b[1G", "\n")).split(/\r?\n/);
  expect(Math.max(...drawn.filter((text) => text.startsWith("epoch ")).map(({ length }) => length))).toBe(69);
  new Net().loadStateDict(await load(out));
});

test("SIGTERM does the same", async () => {
  const args = [...command, "--out", out, "--epochs", "1000", "--limit", "640"];
  const { code, stdout } = await run([process.execPath, ...args], {}, (child, text) => {
    if (!child.killed && text.includes("epoch 1/1000")) child.kill("SIGTERM");
  });
  expect([code, stdout.includes("Stopped in epoch")]).toEqual([130, true]);
  new Net().loadStateDict(await load(out));
});

test("mirrors that have it not cost one line", async () => {
  const mirror = await startMirror(() => Buffer.from(""));
  const [line, warning] = [vi.spyOn(console, "log").mockReturnValue(), vi.spyOn(process.stderr, "write")];
  vi.stubEnv("DL_HOME", env.DL_HOME);
  vi.stubEnv("DL_OFFLINE", "");
  vi.stubEnv("DL_MIRROR", mirror.at("404"));
  try {
    expect((await openDigits({ data: undefined, limit: 64 })).name).toBe("Sample digits");
    expect(line.mock.calls).toEqual([
      [expect.stringMatching(/^No MNIST in the cache, no mirror has it \(HTTP 404 Not Found\): training on a sample/)],
    ]);
    expect(warning).not.toHaveBeenCalled();
  } finally {
    await mirror.close();
  }
});

if (!existsSync(mnist)) console.log("skipped: MNIST from a mirror needs its files beside the project");

test.skipIf(!existsSync(mnist))("MNIST comes from a mirror, then from the cache (needs ../shared)", async () => {
  const mirror = await startMirror((name) => readFileSync(join(mnist, name)));
  const args = ["--limit", "64", "--epochs", "1"];
  const { stdout, stderr } = await job(args, { DL_OFFLINE: "", DL_MIRROR: mirror.at("good") });
  await mirror.close();
  expect(stderr.match(/Downloading .*\n100%\|█████\| /g)).toHaveLength(4);
  expect(stdout).toMatch(/^MNIST: 64 images to learn from, 10000 in the test set\n/);
  expect(stdout).toMatch(/^accuracy: \d+\.\d % of the test set \(10000 images\)$/m);
  vi.stubEnv("DL_HOME", env.DL_HOME);
  vi.stubEnv("DL_OFFLINE", "1");
  const { name, train } = await openDigits({ data: undefined, limit: 64 });
  expect([name, train.length]).toEqual(["MNIST", 64]);
});
