import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { platform as browser } from "../src/browser/platform.ts";
import type { FileRequest, RemoteFile } from "../src/files.ts";
import { cacheRoot } from "../src/node/folders.ts";
import { platform as node } from "../src/node/platform.ts";
import { type Mirror, startMirror } from "./server.ts";

const bodies = new Map(["a-idx1-ubyte.gz", "b-idx1-ubyte.gz"].map((name) => [name, randomBytes(20_000)]));
const all: RemoteFile[] = [...bodies].map(([name, body]) => ({
  name,
  md5: createHash("md5").update(body).digest("hex"),
  size: body.length,
}));
const [a] = all as [RemoteFile, RemoteFile];
const bytesOfA = bodies.get(a.name)!;
let mirror: Mirror;
let root: string;
let home: string;

beforeAll(async () => {
  mirror = await startMirror((name) => bodies.get(name)!);
});
afterAll(() => mirror.close());
beforeEach(async () => {
  mirror.seen.clear();
  const folder = await mkdtemp(join(tmpdir(), "dl-platform-"));
  [root, home] = [join(folder, "root"), join(folder, "home")];
  vi.stubEnv("DL_HOME", home);
  vi.stubEnv("DL_OFFLINE", "");
  return () => rm(folder, { recursive: true, force: true });
});
afterEach(() => vi.unstubAllEnvs());

const request = (more: Partial<FileRequest> = {}): FileRequest => ({
  dataset: "Toy",
  root,
  needed: [a],
  all,
  mirrors: [mirror.at("404"), mirror.at("good")],
  download: true,
  progress: false,
  signal: undefined,
  ...more,
});
const put = async (path: string, bytes: Buffer): Promise<void> => {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
};

describe("in Node, files are found", () => {
  it.each(["Toy/raw/a-idx1-ubyte.gz", "Toy/raw/a-idx1-ubyte", "a-idx1-ubyte.gz", "a-idx1-ubyte", "a.idx1-ubyte"])(
    "below the root, as %s, whatever they hold",
    async (place) => {
      await put(join(root, place), Buffer.from("mine"));
      const { root: shown, files } = await node.obtain(request({ download: false }));
      expect([shown, files[0]!.path, files[0]!.bytes.toString()]).toEqual([root, join(root, place), "mine"]);
    },
  );

  it("in the cache when the root has none, if they are unharmed", async () => {
    const cached = join(home, "datasets/Toy/raw", a.name);
    await put(cached, bytesOfA);
    expect((await node.obtain(request({ download: false }))).files[0]!.path).toBe(cached);
    await put(cached, Buffer.alloc(bytesOfA.length));
    await expect(node.obtain(request({ download: false }))).rejects.toMatchObject({ code: "not-found" });
  });

  it("at the root before the cache", async () => {
    await put(join(home, "datasets/Toy/raw", a.name), bytesOfA);
    await put(join(root, a.name), Buffer.from("mine"));
    expect((await node.obtain(request())).files[0]!.bytes.toString()).toBe("mine");
  });
});

describe("in Node, missing files are downloaded", () => {
  it("all of the data set, below the root, once", async () => {
    const { files } = await node.obtain(request());
    expect(Buffer.from(files[0]!.bytes).equals(bytesOfA)).toBe(true);
    expect(await readdir(join(root, "Toy/raw"))).toEqual(all.map(({ name }) => name));
    await node.obtain(request());
    await node.obtain(request({ needed: all, download: false }));
    expect([mirror.seen.get("404"), mirror.seen.get("good")]).toEqual([
      ["-", "-"],
      ["-", "-"],
    ]);
  });

  it("into the cache where there is no root, repairing it", async () => {
    await put(join(home, "datasets/Toy/raw", a.name), Buffer.alloc(bytesOfA.length));
    const { root: shown, files } = await node.obtain(request({ root: undefined }));
    expect([shown, files[0]!.path]).toEqual([join(home, "datasets"), join(home, "datasets/Toy/raw", a.name)]);
    expect(Buffer.from(files[0]!.bytes).equals(bytesOfA)).toBe(true);
  });

  it("unless that was not asked for", async () => {
    await expect(node.obtain(request({ download: false }))).rejects.toThrow(
      `Toy: a-idx1-ubyte.gz not found in ${root} and ${join(home, "datasets")}. Pass download: true, or put the files into ${join(root, "Toy/raw")} by hand (they are at ${mirror.at("404")} and ${mirror.at("good")})`,
    );
    expect(mirror.seen.size).toBe(0);
  });

  it("unless DL_OFFLINE forbids it", async () => {
    vi.stubEnv("DL_OFFLINE", "1");
    const error = await node.obtain(request()).catch((e) => e);
    expect(error.code).toBe("offline");
    expect(error.message).toMatch(/DL_OFFLINE forbids downloads\. Unset DL_OFFLINE, or put the files into/);
    expect(mirror.seen.size).toBe(0);
  });

  it("unless the folder cannot be written, which is said", async () => {
    await writeFile(root, "a file");
    await expect(node.obtain(request())).rejects.toMatchObject({ code: "unwritable" });
  });
});

describe("folders", () => {
  it("DL_MIRROR is laid out as the cache", () => {
    expect(node.mirror("Toy")).toBeUndefined();
    vi.stubEnv("DL_MIRROR", "http://x/sets/");
    expect(node.mirror("Toy")).toBe("http://x/sets/Toy/raw/");
  });

  it("~ is the home folder", () => {
    expect(node.folder("~/data")).toBe(join(homedir(), "data"));
    expect(node.folder("data/~")).toBe("data/~");
  });

  it("a file's URL is its path, other addresses are refused; in browsers a URL is its address", () => {
    const url = pathToFileURL("/a b/c");
    expect([node.folder(url), node.folder(url.href)]).toEqual(["/a b/c", "/a b/c"]);
    expect(() => node.folder("https://x/y")).toThrow(
      "load: root is https://x/y, needs a folder's path or file: address. Addresses to download from are mirrors",
    );
    expect(browser.folder(new URL("https://x/y"))).toBe("https://x/y");
  });

  it("the cache is the system's unless DL_HOME says otherwise", () => {
    vi.stubEnv("DL_HOME", "");
    expect(cacheRoot()).toMatch(/dl.*datasets$/);
  });
});

describe("in browsers", () => {
  it("files come from addresses below the root", async () => {
    const { files } = await browser.obtain(request({ root: mirror.at("good"), download: false }));
    expect([files[0]!.path, Buffer.from(files[0]!.bytes).equals(bytesOfA)]).toEqual([
      `${mirror.at("good")}${a.name}`,
      true,
    ]);
  });

  it("or from a mirror that gives the right bytes; the others are told to the reporter", async () => {
    const log: unknown[] = [];
    const reporter = { start() {}, advance() {}, stop: (failure?: { reason: string }) => log.push(failure?.reason) };
    const mirrors = ["404", "page", "wrong-sum", "wrong-length", "endless", "good"].map((fault) => mirror.at(fault));
    const { files } = await browser.obtain(request({ root: undefined, mirrors, progress: reporter }));
    expect(Buffer.from(files[0]!.bytes).equals(bytesOfA)).toBe(true);
    expect(log).toEqual([
      "HTTP 404",
      "it answered with a web page instead of the file",
      "wrong checksum",
      "the connection ended after 19999 of 20000 bytes",
      "it sends more than the 20000 bytes that are needed",
      undefined,
    ]);
  });

  it("a reporter's own error comes out as it is", async () => {
    const error = new Error("mine");
    const progress = {
      start() {},
      stop() {},
      advance() {
        throw error;
      },
    };
    await expect(browser.obtain(request({ root: undefined, mirrors: [mirror.at("good")], progress }))).rejects.toBe(
      error,
    );
  });

  it("what is nowhere is an error that says what to do", async () => {
    const nowhere = request({ root: mirror.at("404"), mirrors: [mirror.at("404")] });
    await expect(browser.obtain(nowhere)).rejects.toThrow(
      /a-idx1-ubyte\.gz: no mirror gave a good copy\n.*HTTP 404\nMirrors must allow/s,
    );
    await expect(browser.obtain({ ...nowhere, download: false })).rejects.toThrow(
      /not found: it is not below http.*Pass download: true/,
    );
  });
});
