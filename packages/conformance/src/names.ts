/** PyTorch's names in the library's spelling. */

/** `take_along_dim` → `takeAlongDim`; a trailing underscore (in place) stays. */
export function camel(name: string): string {
  return name.replace(/(?<=[^_])_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** An option as a function lists it; what it does not list keeps the plain spelling, for the function to refuse. */
export function optionName(name: string, names: readonly string[] | undefined): string {
  const wanted = camel(name);
  if (!names || names.includes(wanted)) return wanted;
  return names.find((listed) => listed.toLowerCase() === wanted.toLowerCase()) ?? wanted;
}
