// The rows of lib/sweep.ts: their words as JavaScript, their inputs, and what is timed.
import * as nn from "@dl/nn";
import * as dl from "@dl/tensor";
import { dtypes, isTensor, noGrad, onesLike, scope, type Tensor } from "@dl/tensor";
import type { Call } from "../lib/case.ts";
import { attempt, measure, type Spec } from "../lib/timing.ts";
import { inputsOf, makeInput } from "./sweep-inputs.ts";
import { touch } from "./tensors.ts";

/** `log_softmax` is our `logSoftmax`; a trailing underscore stays. */
const camel = (name: string): string =>
  name.replace(/(?<=[^_])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

const functionCall = /(?<![\w.])([a-z]\w*)\(/g;
const member = /(?<=\.)\w+(?=\()/g;
const keywords = /\w+=[^=(),]+(?:, \w+=[^=(),]+)*(?=\))/g;
const spelling: Readonly<Record<string, string>> = { True: "true", False: "false", None: "null" };
const option = (text: string): string => text.replace(/(\w+)=/, (_, name: string) => `${camel(name)}: `);

/** A call in Python's words in JavaScript's: names, literals, and keywords as an object behind the arguments. */
export const translate = (text: string): string =>
  text
    .replace(/\b(?:True|False|None)\b/g, (word) => spelling[word]!)
    .replace(keywords, (list) => `{ ${list.split(", ").map(option).join(", ")} }`)
    .replace(member, camel)
    .replace(functionCall, (_, name: string) => `dl.${camel(name)}(`)
    .replace(/\b(special|linalg)\./g, "dl.$1.");

type Body = (inputs: ReadonlyMap<string, Tensor>) => unknown;

function compile(text: string, names: readonly string[]): Body {
  const kinds = Object.keys(dtypes);
  const body = new Function("dl", "F", ...kinds, ...names, `return ${translate(text)}`) as (
    ...args: unknown[]
  ) => unknown;
  return (inputs) => body(dl, nn.functional, ...kinds, ...names.map((name) => inputs.get(name)));
}

const first = (result: unknown): Tensor =>
  isTensor(result) ? result : Object.values(result as object).find((value) => isTensor(value))!;

/** What is done in place is done; to lend that memory would keep all that reads it from waiting. */
function forward(call: Body, inputs: ReadonlyMap<string, Tensor>): () => void {
  const given = new Set<unknown>(inputs.values());
  const settle = (result: unknown): void => {
    if (!given.has(result)) touch(result);
  };
  return () => scope(() => noGrad(() => settle(call(inputs))));
}

/** What gets a gradient: the parameters, and what a layer is given. */
const differentiable = /^(x|positive|share|planes|series|volumes|images|row|bias|channel|slope|column|book)$/;

/** From a gradient that is there already, as inside a network. */
function forwardBackward(call: Body, inputs: ReadonlyMap<string, Tensor>): () => void {
  const watched = new Map(
    [...inputs].map(([name, input]) => [name, differentiable.test(name) ? input.detach().requiresGrad_() : input]),
  );
  const gradient = scope(() => onesLike(noGrad(() => first(call(inputs)))).clone());
  return () => {
    for (const input of watched.values()) {
      if (input.grad) touch(input.grad);
      input.grad?.dispose();
      input.grad = null;
    }
    scope(() => first(call(watched)).backward(gradient));
    for (const input of watched.values()) if (input.grad) touch(input.grad);
  };
}

/** Rows of one dtype share their inputs, unless a call writes to one. */
class Inputs {
  readonly #made = new Map<string, Tensor>();
  #dtype = "";

  of(names: readonly string[], { dtype }: Call): Map<string, Tensor> {
    if (dtype !== this.#dtype) this.drop([...this.#made.keys()]);
    this.#dtype = dtype;
    for (const name of names)
      if (!this.#made.has(name))
        this.#made.set(
          name,
          scope(() => makeInput(name, dtype)),
        );
    return new Map(names.map((name) => [name, this.#made.get(name)!]));
  }

  drop(names: readonly string[]): void {
    for (const name of names) {
      this.#made.get(name)?.dispose();
      this.#made.delete(name);
    }
  }
}

const byDtype = (spec: Spec): Spec["cases"] =>
  [...spec.cases].sort((a, b) => a.call!.dtype.localeCompare(b.call!.dtype));

export async function run(spec: Spec): Promise<void> {
  const inputs = new Inputs();
  for (const { name, call } of byDtype(spec)) {
    await attempt(spec, name, async () => {
      const names = inputsOf(call!.text);
      const given = inputs.of(names, call!);
      const timed = (call!.gradient ? forwardBackward : forward)(compile(call!.text, names), given);
      await measure(spec, name, timed, { unwatched: true });
      if (/\w_\(/.test(call!.text)) inputs.drop(names);
    });
  }
}
