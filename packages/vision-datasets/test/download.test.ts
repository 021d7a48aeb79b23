import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { DownloadReporter } from "../src/files.ts";
import { type Download, download } from "../src/node/download.ts";
import { silentReporter } from "../src/node/progress.ts";
import { type Mirror, startMirror } from "./server.ts";

const body = randomBytes(300_000);
const file = { name: "digits.gz", md5: createHash("md5").update(body).digest("hex"), size: body.length };
const patience = { windowMs: 250, minBytes: 1024, retries: 2, backoffMs: 1 };
let mirror: Mirror;
let folder: string;
let destination: string;

beforeAll(async () => {
  mirror = await startMirror(() => body);
});
afterAll(() => mirror.close());
beforeEach(async () => {
  mirror.seen.clear();
  folder = await mkdtemp(join(tmpdir(), "dl-download-"));
  destination = join(folder, "deep", file.name);
  return () => rm(folder, { recursive: true, force: true });
});

const job = (faults: readonly string[], more: Partial<Download> = {}): Download => ({
  file,
  destination,
  mirrors: faults.map((fault) => mirror.at(fault)),
  reporter: silentReporter,
  patience,
  ...more,
});
const left = (): Promise<string[]> => readdir(join(folder, "deep"));

describe("a mirror that recovers", () => {
  it.each(["good", "500-once", "redirect", "reset-once", "reset-without-ranges", "cut-once", "stall-once"])(
    "%s: the file arrives whole, and nothing else is left",
    async (fault) => {
      await download(job([fault]));
      expect((await readFile(destination)).equals(body)).toBe(true);
      expect(await left()).toEqual([file.name]);
    },
  );

  it("resumes where the connection broke", async () => {
    await download(job(["reset-once"]));
    const [first, second] = mirror.seen.get("reset-once")!;
    expect(first).toBe("-");
    expect(second).toMatch(/^bytes=[1-9]\d*-$/);
  });
});

describe("a mirror that does not", () => {
  it.each([
    "404",
    "403",
    "500",
    "page",
    "wrong-sum",
    "wrong-length",
    "redirect-loop",
    "mislabelled",
    "drip",
    "endless",
  ])("%s: the next one is asked", async (fault) => {
    await download(job([fault, "good"], { patience: { ...patience, retries: 0 } }));
    expect((await readFile(destination)).equals(body)).toBe(true);
    expect(mirror.seen.has("good")).toBe(true);
    expect(await left()).toEqual([file.name]);
  });

  it("nobody listens: the next one is asked", async () => {
    await download({ ...job([]), mirrors: ["http://127.0.0.1:9/", mirror.at("good")] });
    expect((await readFile(destination)).equals(body)).toBe(true);
  });

  it("says that nothing came", async () => {
    await expect(download(job(["silent"]))).rejects.toThrow(/silent\/digits\.gz: nothing came in 0\.25 s/);
  });

  it("is not asked again for what it refused, and is for what may pass", async () => {
    await download(job(["404", "silent", "500", "good"]));
    expect(mirror.seen.get("404")).toHaveLength(1);
    expect(mirror.seen.get("silent")).toHaveLength(1);
    expect(mirror.seen.get("500")).toHaveLength(1 + patience.retries);
  });
});

describe("when every mirror fails", () => {
  it("lists each failure, says what to do by hand, and leaves no file that looks finished", async () => {
    const error = await download(job(["404", "wrong-sum", "drip"], { patience: { ...patience, retries: 0 } })).catch(
      (e) => e,
    );
    expect(error).toMatchObject({ name: "DatasetError", code: "download-failed" });
    expect(error.message).toContain(`${mirror.at("404")}digits.gz: HTTP 404 Not Found`);
    expect(error.message).toContain(`${mirror.at("wrong-sum")}digits.gz: wrong checksum`);
    expect(error.message).toMatch(/drip\/digits\.gz: too slow: \d+ bytes in 0\.25 s/);
    expect(error.message).toContain(`put the file into ${join(folder, "deep")} by hand`);
    expect(await left()).not.toContain(file.name);
  });

  it("reports each failure as it happens", async () => {
    const log: string[] = [];
    const reporter: DownloadReporter = {
      start: ({ url }) => log.push(`start ${url}`),
      advance: () => {},
      stop: (failure) => log.push(failure ? `failed ${failure.reason}` : "done"),
    };
    await download(job(["404", "good"], { reporter }));
    expect(log).toEqual(["failed HTTP 404 Not Found", `start ${mirror.at("good")}digits.gz`, "done"]);
  });
});

describe("a reporter that throws", () => {
  it.each(["ask", "start", "advance", "stop"] as const)("in %s ends the download with its error", async (call) => {
    const error = new Error("mine");
    const reporter: DownloadReporter = {
      ...silentReporter,
      [call]: () => {
        throw error;
      },
    };
    await expect(download(job(["good", "good"], { reporter }))).rejects.toBe(error);
    expect(mirror.seen.get("good")?.length ?? 0).toBeLessThan(2);
  });
});

describe("what is on disk", () => {
  it("a good copy is used without asking anyone; a damaged one is replaced", async () => {
    await download(job(["good"]));
    await download(job([]));
    const damaged = Buffer.from(body);
    damaged[1000]! ^= 1;
    await writeFile(destination, damaged);
    await download(job(["good"]));
    expect((await readFile(destination)).equals(body)).toBe(true);
    expect(mirror.seen.get("good")).toEqual(["-", "-"]);
  });

  it("a part of an earlier run is continued, whatever mirror it came from", async () => {
    await mkdir(join(folder, "deep"));
    await writeFile(`${destination}.part`, body.subarray(0, 100_000));
    await download(job(["good"]));
    expect(mirror.seen.get("good")).toEqual(["bytes=100000-"]);
  });

  it("a spoiled part costs one more request, not the mirror", async () => {
    await mkdir(join(folder, "deep"));
    await writeFile(`${destination}.part`, Buffer.alloc(100_000));
    await download(job(["good"]));
    expect(mirror.seen.get("good")).toEqual(["bytes=100000-", "-"]);
    expect((await readFile(destination)).equals(body)).toBe(true);
  });

  it("a part that was complete needs no network", async () => {
    await mkdir(join(folder, "deep"));
    await writeFile(`${destination}.part`, body);
    await download(job(["404"]));
    expect(await left()).toEqual([file.name]);
    expect(mirror.seen.size).toBe(0);
  });

  it("a folder that cannot be made is an error of its own, with the remedy", async () => {
    await writeFile(join(folder, "deep"), "a file where a folder should be");
    await expect(download(job(["good"]))).rejects.toThrow(
      /deep: cannot be written \(E.*\)\. Free some space or give a folder/,
    );
    await expect(download(job(["good"]))).rejects.toMatchObject({ code: "unwritable" });
    const nowhere = { destination: `/proc/none/deep/${file.name}` };
    await expect(download(job(["good"], nowhere))).rejects.toMatchObject({ code: "unwritable" });
  });

  it("an abort ends the download and keeps the part for the next time", async () => {
    const stop = new AbortController();
    const reporter: DownloadReporter = { ...silentReporter, advance: () => stop.abort(new Error("enough")) };
    await expect(download(job(["stall-once"], { reporter, signal: stop.signal }))).rejects.toThrow("enough");
    expect(await left()).toEqual([`${file.name}.part`]);
    await download(job(["good"]));
    expect(mirror.seen.get("good")![0]).toMatch(/^bytes=\d+-$/);
  });
});

describe("several at once", () => {
  it("who waits for another one's lock says so, once, and hears an abort", async () => {
    const lock = `${destination}.lock`;
    await mkdir(lock, { recursive: true });
    const told: unknown[] = [];
    const wait = (path: string, seconds: number) => told.push([path, seconds]);
    const reporter: DownloadReporter = { ...silentReporter, wait };
    const stop = new AbortController();
    const waiting = download(job(["good"], { reporter, signal: stop.signal }));
    await vi.waitFor(() => expect(told).toEqual([[destination, 10]]), 5000);
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await rm(lock, { recursive: true });
    await download(job(["good"], { reporter }));
    expect(told).toHaveLength(1);
  });

  it("in one process ask the mirror once", async () => {
    await Promise.all([1, 2, 3].map(() => download(job(["good"]))));
    expect(mirror.seen.get("good")).toHaveLength(1);
  });

  it("in several processes ask the mirror once", async () => {
    const module = pathToFileURL(join(import.meta.dirname, "../src/node/download.ts")).href;
    const script = `
      import { download } from ${JSON.stringify(module)};
      const reporter = { start() {}, advance() {}, stop() {} };
      await download({ file: ${JSON.stringify(file)}, destination: ${JSON.stringify(destination)}, mirrors: ["${mirror.at("good")}"], reporter });`;
    const run = (): Promise<number | null> =>
      new Promise((done) => {
        const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", script], {
          stdio: "inherit",
          cwd: join(import.meta.dirname, "../../.."), // where tsx is
        });
        child.on("exit", done);
      });
    expect(await Promise.all([run(), run()])).toEqual([0, 0]);
    expect(mirror.seen.get("good")).toHaveLength(1);
    expect((await stat(destination)).size).toBe(body.length);
    expect(await left()).toEqual([file.name]);
  });
});
