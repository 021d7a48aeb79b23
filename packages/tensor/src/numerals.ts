/** Numbers as Python's `format` writes them: ties go to the even digit, exponents have two digits, −0 keeps its sign. */

/** More digits than any double needs to tell a tie from its neighbours. */
const guard = 25;

/** `{value:.{digits}f}`. */
export function fixed(value: number, digits: number): string {
  const size = Math.abs(value);
  const text = size < 1e21 ? even(size.toFixed(digits), size.toFixed(digits + guard)) : BigInt(size).toString();
  return (value < 0 || Object.is(value, -0) ? "-" : "") + text;
}

/** `{value:.{digits}e}`. */
export function exponential(value: number, digits: number): string {
  const size = Math.abs(value);
  const [exact, exactPower] = size.toExponential(digits + guard).split("e") as [string, string];
  const [mantissa, power] = size.toExponential(digits).split("e") as [string, string];
  // A mantissa rounded up to the next power of ten was no tie.
  const rounded = power === exactPower ? even(mantissa, exact) : mantissa;
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  return `${sign}${rounded}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

/** JavaScript rounds ties up: takes the digit below where that one is even. */
function even(rounded: string, exact: string): string {
  const rest = exact.slice(exact.length - guard);
  if (!/^50*$/.test(rest)) return rounded;
  const down = exact.slice(0, exact.length - guard).replace(/\.$/, "");
  return Number(down.at(-1)) % 2 === 0 ? down : rounded;
}
