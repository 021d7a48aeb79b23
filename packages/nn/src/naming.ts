/**
 * The one rule for names: a camelCase field is its snake_case self in state dicts, in `namedParameters` and in print, so
 * `runningMean` is saved as `running_mean`, as PyTorch saves it. Names that hold an underscore or begin with a capital
 * are someone's own spelling and stay.
 */
export function stateName(field: string): string {
  if (!/^[a-z][A-Za-z0-9]*$/.test(field)) return field;
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
