/**
 * The CPU backend. Importing it registers it as the device `"cpu"`.
 *
 * @packageDocumentation
 */
import { registerBackend } from "@dl/tensor";
// Stands in until the WebAssembly kernels are complete.
import { ReferenceBackend } from "@dl/tensor/testing";

registerBackend(new ReferenceBackend("cpu"));
