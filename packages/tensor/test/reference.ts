import { registerBackend } from "@dl/tensor";
import { ReferenceBackend } from "@dl/tensor/testing";

/** The plain backend as "cpu": these tests need no other package. */
export const backend: ReferenceBackend = new ReferenceBackend("cpu");
registerBackend(backend);
