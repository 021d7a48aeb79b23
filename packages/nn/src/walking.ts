/** Arguments of walks over a module and what is inside. */
import { type Arguments, readArguments } from "@dl/tensor";

/** What walks take by position or by name. */
export type Prefix = Arguments<["prefix"], [prefix?: string]>;
export type Recursion = Arguments<["recurse"], [recurse?: boolean]>;
export type Naming = Arguments<["prefix", "recurse"], [prefix?: string, recurse?: boolean]>;

export function recursion(name: string, args: Recursion): boolean {
  const [recurse = true] = readArguments<[boolean?]>({ name, names: ["recurse"] }, args);
  return recurse;
}

export function namings(name: string, args: Naming): [prefix: string, recurse: boolean] {
  const [prefix = "", recurse = true] = readArguments<[string?, boolean?]>(
    { name, names: ["prefix", "recurse"] },
    args,
  );
  return [prefix, recurse];
}
