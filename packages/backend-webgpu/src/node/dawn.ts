/** Dawn for Node, from npm: an optional peer. The name is kept from bundlers of servers, which would miss it. */
export async function dawn(refuse: (error: unknown) => never): Promise<GPU | undefined> {
  const name = "webgpu";
  try {
    const { create } = (await import(/* @vite-ignore */ name)) as { create(options: readonly string[]): GPU };
    return create([]);
  } catch (error) {
    const unknown = error instanceof TypeError || (error as { code?: string }).code === "ERR_MODULE_NOT_FOUND";
    return unknown ? undefined : refuse(error);
  }
}
