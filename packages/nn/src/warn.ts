const said = new Set<string>();

/** Says on the console what is allowed and seldom meant, once. */
export function warn(text: string): void {
  if (said.has(text)) return;
  said.add(text);
  (globalThis as { console?: { warn(text: string): void } }).console?.warn(text);
}
