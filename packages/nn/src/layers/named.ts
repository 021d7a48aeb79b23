/** Arguments by name, for families of layers whose members take them in different orders. */
import { readArguments } from "@dl/tensor";

/** {@link readArguments} as an object; arguments left out are not in it. */
export function readNamed<O extends object>(
  owner: { readonly name: string; readonly names: readonly string[] },
  args: readonly unknown[],
): O {
  const values = readArguments(owner, args);
  const given = owner.names.map((key, i) => [key, values[i]] as const).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as O;
}
