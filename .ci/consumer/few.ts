// The least that a program imports: what tensors can do is there all the same, in bundles too.
import "@dl/backend-cpu";
import { ones } from "@dl/tensor";

if (ones(2).add(1).sum().item() !== 4) throw new Error("consumer: a tensor has its methods");
