/**
 * Which parameters a function or class takes, and arguments put in their places: by its `names`, or, where it has
 * none, by the parameters in its own text, the last of which may be an options object.
 */
import { optionName } from "./names.ts";

interface Named {
  readonly names?: readonly string[];
}

// biome-ignore lint/complexity/noBannedTypes: any function or class, only looked at.
type Anything = Function & Named;

/** Positional parameters by name; anything taken apart or rested ends the list. */
function parametersOf(text: string): string[] {
  const names: string[] = [];
  for (const part of split(text)) {
    const name = /^([A-Za-z_$][\w$]*)/.exec(part.trim())?.[1];
    if (!name) break;
    names.push(name);
  }
  return names;
}

/** Commas outside all brackets. */
function split(text: string): string[] {
  const parts: string[] = [];
  let [depth, start] = [0, 0];
  for (let i = 0; i < text.length; i++) {
    if ("([{".includes(text[i]!)) depth++;
    else if (")]}".includes(text[i]!)) depth--;
    else if (text[i] === "," && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return [...parts, text.slice(start)];
}

/** What stands between the parentheses that open at or after `from`. */
function parentheses(text: string, from: number): string {
  const open = text.indexOf("(", from);
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === "(") depth++;
    else if (text[i] === ")" && --depth === 0) return text.slice(open + 1, i);
  }
  return "";
}

/** The parameters of a class's nearest constructor. */
function constructorText(owner: Anything): string {
  for (let at = owner; at.name !== ""; at = Object.getPrototypeOf(at) as Anything) {
    const text = at.toString();
    const found = /[\s;{}]constructor\s*\(/.exec(text);
    if (found) return parentheses(text, found.index);
  }
  return "";
}

/** Arguments for `fn`: keywords at the places of their names, the others in one object behind. */
export function arrange(fn: Anything, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): unknown[] {
  return place(args, kwargs, fn.names, () => parametersOf(parentheses(fn.toString(), 0)));
}

/** The same for `new owner(…)`. */
export function arrangeNew(
  owner: Anything,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): unknown[] {
  return place(args, kwargs, owner.names, () => parametersOf(constructorText(owner)));
}

function place(
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  names: readonly string[] | undefined,
  own: () => readonly string[],
): unknown[] {
  const given = Object.entries(kwargs);
  if (given.length === 0) return [...args];
  if (names) return [...args, Object.fromEntries(given.map(([key, value]) => [optionName(key, names), value]))];
  const parameters = own().filter((name) => name !== "options");
  const placed = [...args];
  const rest: Record<string, unknown> = {};
  for (const [key, value] of given) {
    const name = optionName(key, parameters);
    const at = parameters.indexOf(name);
    if (at >= 0) placed[at] = value;
    else rest[name] = value;
  }
  return Object.keys(rest).length > 0 ? [...Array.from(placed), rest] : Array.from(placed);
}
