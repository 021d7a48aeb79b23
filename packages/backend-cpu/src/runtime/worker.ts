/** Starts one worker, on Node and in browsers. */
import { builtin } from "./host.ts";
import { type WorkerModule, type WorkerStart, workerSource } from "./worker-source.ts";

export interface WorkerHandle {
  post(message: WorkerStart | WorkerModule): void;
}

let url: string | undefined;

/** `onFailure` is called if the worker dies or the host refuses it after all. Throws if the host has no workers. */
export function startWorker(onFailure: () => void): WorkerHandle {
  const node = builtin("node:worker_threads");
  if (node !== undefined) return startNodeWorker(node, onFailure);
  url ??= URL.createObjectURL(new Blob([workerSource], { type: "text/javascript" }));
  const worker = new Worker(url, { name: "@dl/backend-cpu" });
  worker.onerror = onFailure;
  return { post: (message) => worker.postMessage(message) };
}

/** Loaders and environment are not passed on: the program needs neither, and they cost start-up time. */
function startNodeWorker(node: typeof import("node:worker_threads"), onFailure: () => void): WorkerHandle {
  const worker = new node.Worker(workerSource, { eval: true, execArgv: [], env: {}, name: "@dl/backend-cpu" });
  worker.on("error", onFailure);
  worker.unref();
  return { post: (message) => worker.postMessage(message) };
}
