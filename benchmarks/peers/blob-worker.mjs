// A browser's global Worker for Node, that loads the blob: URLs which jax-js makes. Without one jax-js runs on one
// thread in Node; with it, it gets the threads that it has in browsers. Nothing in the package is changed.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { Worker as NodeWorker } from "node:worker_threads";

const prelude = `const { parentPort } = require("node:worker_threads");
globalThis.self = globalThis;
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on("message", (data) => self.onmessage({ data }));
`;

/** Remembers the text of every Blob made of strings, so that its URL can be loaded from a file. */
function rememberBlobs() {
  const texts = new Map();
  const { Blob } = globalThis;
  const { createObjectURL, revokeObjectURL } = URL;
  globalThis.Blob = class extends Blob {
    constructor(parts, options) {
      super(parts, options);
      if (parts?.every((part) => typeof part === "string")) this.sourceText = parts.join("");
    }
  };
  URL.createObjectURL = (blob) => {
    if (blob.sourceText === undefined) return createObjectURL(blob);
    const url = `blob-text:${texts.size}`;
    texts.set(url, blob.sourceText);
    return url;
  };
  URL.revokeObjectURL = (url) => {
    if (!texts.has(url)) revokeObjectURL(url);
  };
  return texts;
}

export function installWorkers(threads) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "dl-bench-"));
  process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
  const texts = rememberBlobs();
  let count = 0;
  globalThis.Worker = class {
    constructor(url) {
      const file = path.join(folder, `worker${count++}.cjs`);
      fs.writeFileSync(file, prelude + texts.get(String(url)));
      this.worker = new NodeWorker(file, { execArgv: [] });
      this.worker.unref();
      this.worker.on("message", (data) => this.onmessage?.({ data }));
      this.worker.on("error", (error) => (this.onerror ? this.onerror(error) : console.error(error)));
    }
    postMessage(message, transfer) {
      this.worker.postMessage(message, transfer);
    }
    terminate() {
      return this.worker.terminate();
    }
  };
  Object.defineProperty(globalThis, "navigator", {
    value: { hardwareConcurrency: threads, userAgent: "node" },
    configurable: true,
  });
}
