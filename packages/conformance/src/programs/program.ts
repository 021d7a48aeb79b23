/** A PyTorch program in TypeScript: it returns the result, or throws where PyTorch raises. */
type Program = () => unknown;
export type Programs = Readonly<Record<string, Program>>;
