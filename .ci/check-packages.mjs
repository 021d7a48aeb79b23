// Checks the tarballs as they would be published: exports, files, types.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack, run } from "./workspace.mjs";

const out = mkdtempSync(join(tmpdir(), "dl-packages-"));
try {
  for (const tarball of pack(out)) {
    run("publint", ["run", "--strict", tarball]);
    run("attw", [tarball, "--profile", "esm-only", "--no-summary"]);
  }
} finally {
  rmSync(out, { recursive: true });
}
