/** Browsers bring their own WebGPU, or have none. */
export async function dawn(_refuse: (error: unknown) => never): Promise<GPU | undefined> {
  return undefined;
}
