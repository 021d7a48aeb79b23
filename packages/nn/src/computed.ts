/** Parameters that a module no longer owns, but computes from others before each call: the frame of weight norm and the like. */
import { fail, type Tensor } from "@dl/tensor";
import { UNSIZED } from "./load.ts";
import type { Module } from "./module.ts";
import { stateName } from "./naming.ts";
import { Parameter } from "./parameter.ts";
import { BEFORE } from "./role.ts";

/** How a field is computed. It knows no module, since a copy of one has the same. */
export interface Recipe {
  /** The function that made it so. */
  readonly op: string;
  readonly field: string;
  compute(module: Module): Tensor;
}

const recipes = new WeakMap<object, Recipe>();

export function fieldsOf(module: Module): Record<string, Tensor | null | undefined> {
  return module as never;
}

/** The name of a field that stands for another: `weightOrig`, or in state dicts `weight_orig`. */
export function derived(field: string, suffix: "orig" | "mask" | "u" | "v" | "g"): string {
  return /^[a-z][A-Za-z0-9]*$/.test(field) ? field + suffix[0]!.toUpperCase() + suffix.slice(1) : `${field}_${suffix}`;
}

/** The module's field of that name, which may be the one of state dicts. */
export function fieldNamed(module: Module, name: string): string {
  return Object.keys(module).find((key) => key === name || stateName(key) === name) ?? name;
}

/** The parameter in a field. @throws TensorError where there is none, or its size is not known yet */
export function parameterAt(op: string, module: Module, field: string): Parameter {
  if (UNSIZED in module) fail(op, `the size of ${module.getName()} is not known yet`, "Call it once before");
  const value = fieldsOf(module)[field];
  if (value instanceof Parameter) return value;
  const names = module.namedParameters("", false).map(([name]) => name);
  return fail(op, `${module.getName()} has no parameter ${field}; there are ${names.join(", ") || "none"}`);
}

/** From now on the field is computed before each call. */
export function install(module: Module, recipe: Recipe): void {
  const hook = (called: Module): void => {
    fieldsOf(called)[recipe.field] = recipe.compute(called);
  };
  recipes.set(hook, recipe);
  module.registerForwardPreHook(hook);
}

/** All recipes of a module. */
export function recipesOf(module: Module): Recipe[] {
  return [...module[BEFORE]].flatMap((hook) => recipes.get(hook) ?? []);
}

/** The recipe by which `op` computes the field. */
export function recipeOf(op: string, module: Module, field: string): Recipe | undefined {
  return recipesOf(module).find((recipe) => recipe.op === op && recipe.field === field);
}

/** Ends that: the field is a parameter again, and what it was computed from is gone. @throws TensorError where there is nothing to end */
export function uninstall(
  [op, by]: readonly [remove: string, add: string],
  module: Module,
  name: string,
  suffixes: readonly Parameters<typeof derived>[1][],
  settle: (recipe: Recipe) => Parameter,
): void {
  const field = fieldNamed(module, name);
  const recipe = recipeOf(by, module, field) ?? fail(op, `${by} was not applied to ${name} of ${module.getName()}`);
  const parameter = settle(recipe);
  for (const hook of module[BEFORE]) if (recipes.get(hook) === recipe) module[BEFORE].delete(hook);
  for (const key of [field, ...suffixes.map((suffix) => derived(field, suffix))]) Reflect.deleteProperty(module, key);
  fieldsOf(module)[field] = parameter;
}
