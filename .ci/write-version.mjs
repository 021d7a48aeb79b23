// The version that copies of @dl/tensor know each other by is the package's: run when versions have been raised.
import { readFileSync, writeFileSync } from "node:fs";
import { readJson } from "./workspace.mjs";

const file = "packages/tensor/src/state.ts";
const { version } = readJson("packages/tensor/package.json");
writeFileSync(file, readFileSync(file, "utf8").replace(/(?<=^export const version = ").*(?=";$)/m, version));
