/** What was asked of the device so far. Software adapters cannot rank kernels, so tests gate on these counts. */
export interface Profile {
  /** Kernel launches. */
  dispatches: number;
  /** Batches of commands given to the queue. */
  submits: number;
  /** Buffers created (not taken from the pool). */
  buffers: number;
  pipelines: number;
  bindGroups: number;
  /** Bytes copied to the device by `upload`. */
  uploaded: number;
  /** Bytes copied back. */
  downloaded: number;
}

export function newProfile(): Profile {
  return { dispatches: 0, submits: 0, buffers: 0, pipelines: 0, bindGroups: 0, uploaded: 0, downloaded: 0 };
}
