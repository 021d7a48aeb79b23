/** The folder that a user names. Downloads do without this file, so that they run alone, in any process. */
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fail } from "@dl/tensor";
import type { Root } from "../options.ts";

/** A path, where `~/data` is as shells expand it, or a `file:` address. */
export function folder(root: Root): string {
  const path = typeof root === "string" ? root : root.href;
  if (/^https?:/.test(path)) {
    fail("load", `root is ${path}, needs a folder's path or file: address`, "Addresses to download from are mirrors");
  }
  if (path.startsWith("file:")) return fileURLToPath(path);
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
}
