// What has to be there before anything is timed: the packages as users get them, and the JavaScript peers.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Library } from "./libraries.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const peersFolder = fileURLToPath(new URL("../peers", import.meta.url));
const timed = ["tensor", "backend-cpu", "autograd", "nn", "optim"];

/** Builds the packages that are timed; the compiler's complaint where it has one. */
export function buildPackages(): string | undefined {
  const tsc = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));
  const projects = timed.map((name) => `packages/${name}`);
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-b", ...projects], { cwd: root, encoding: "utf8" });
  return status === 0 ? undefined : `the packages do not build: ${stdout.split("\n")[0] ?? ""}`;
}

/** Installs the JavaScript peers beside the workspace, from their own lock file; true if that worked. */
export function installPeers(): boolean {
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=0"];
  const { status } = spawnSync("npm", args, {
    cwd: peersFolder,
    stdio: ["ignore", "ignore", "ignore"],
    shell: process.platform === "win32",
    timeout: 300_000,
  });
  return status === 0;
}

/** The peers that can run here; `say` gets one line for each of the others. */
export function availablePeers(asked: readonly Library[], say: (text: string) => void): Library[] {
  const absent = asked.filter((library) => library.name !== "pytorch" && library.missing() !== undefined);
  if (absent.length > 0 && process.env["DL_OFFLINE"] !== "1") {
    say("installing the JavaScript peers");
    installPeers();
  }
  return asked.filter((library) => {
    const why = library.missing();
    if (why !== undefined) say(`${library.name}: skipped, ${why}`);
    return why === undefined;
  });
}
