// Kernels that the first programs of nearly everybody need are written when the package is built instead of when those
// programs start. Two processes whose memory is laid out differently run such programs (`prepare-programs.ts`) and tell
// what modules they wrote: what they do not write alike depends on more than its key and is left out.
import { execFileSync } from "node:child_process";

/**
 * What takes the place of `packages/backend-cpu/src/runtime/prepared.ts` in the bundle for Node.
 *
 * @returns {string}
 */
export function preparedSource() {
  const [one, other] = [written(0), written(100_000)];
  const alike = Object.entries(one.modules).filter(([key, bytes]) => other.modules[key] === bytes);
  const all = Object.keys(one.modules).length;
  console.log(`${alike.length} of ${all} modules are prepared`);
  if (alike.length < all / 2) throw new Error("prepare: most modules depend on more than their keys");
  return `const modules = ${JSON.stringify(Object.fromEntries(alike))};
export const prepared = {
  options: ${JSON.stringify(one.options)},
  bytes: (key) => Object.hasOwn(modules, key) ? globalThis.Buffer?.from(modules[key], "base64") : undefined,
};
`;
}

/**
 * @param {number} shift Bytes that are allocated before anything else is.
 * @returns {{ options: object; modules: Record<string, string> }}
 */
function written(shift) {
  const args = ["--import", "tsx", "--conditions=@dl/source", ".ci/prepare-programs.ts", String(shift)];
  return JSON.parse(execFileSync("node", args, { encoding: "utf8", maxBuffer: 1 << 26 }));
}
