/** The models of whole trainings, found by the name that the record gives. */
import type { Module } from "@dl/nn";
import { GPT } from "./gpt.ts";
import { MLP } from "./mlp.ts";
import { Net } from "./net.ts";

export const models: Readonly<Record<string, new () => Module>> = { GPT, MLP, Net };
