/** Philox-4x32-10 and what is drawn from it: the same numbers as on every other device. */
import type { Attrs } from "@dl/tensor";
import type { Row } from "../cell.ts";

export const philox: Readonly<Record<string, string>> = {
  dl_high: `fn dl_high(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let cross = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (cross & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (cross >> 16u) + (other >> 16u);
}`,
  dl_philox: `fn dl_philox(low: u32, high: u32, seed: vec2u) -> vec4u {
  var c = vec4u(low, high, 0u, 0u);
  var key = seed;
  for (var round = 0; round < 10; round++) {
    c = vec4u(dl_high(0xcd9e8d57u, c.z) ^ c.y ^ key.x, 0xcd9e8d57u * c.z, dl_high(0xd2511f53u, c.x) ^ c.w ^ key.y, 0xd2511f53u * c.x);
    key += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}`,
  // Element i of a stream: a word of block offset + i / 4.
  dl_draw: `fn dl_draw(i: u32, offset: vec2u, seed: vec2u) -> vec4u {
  let low = offset.x + (i >> 2u);
  return dl_philox(low, offset.y + select(0u, 1u, low < offset.x), seed);
}`,
  dl_unit: "fn dl_unit(word: u32) -> f32 { return f32(word >> 8u) * 5.9604644775390625e-8; }",
  dl_uniform: `fn dl_uniform(i: u32, offset: vec2u, seed: vec2u) -> f32 {
  return dl_unit(dl_draw(i, offset, seed)[i & 3u]);
}`,
  dl_words: `fn dl_words(i: u32, offset: vec2u, seed: vec2u) -> i32 {
  return bitcast<i32>(dl_draw(i, offset, seed)[i & 3u]);
}`,
  // Box and Muller: a pair of words makes a pair of numbers.
  dl_normal: `fn dl_normal(i: u32, offset: vec2u, seed: vec2u) -> f32 {
  let words = dl_draw(i, offset, seed);
  let pair = select(words.xy, words.zw, (i & 2u) != 0u);
  let both = dl_sincos(6.283185307179586 * dl_unit(pair.y));
  return sqrt(-2.0 * dl_log(1.0 - dl_unit(pair.x))) * select(both.y, both.x, (i & 1u) != 0u);
}`,
};

/** Operands, as 32-bit words: the seed's low and high, the offset's low and high. */
export function draw(distribution: Attrs<"random">["distribution"]): Row {
  const pair = (low: string, high: string): string => `vec2u(bitcast<u32>(${low}), bitcast<u32>(${high}))`;
  return ([s0, s1, o0, o1], i) => `dl_${distribution}(${i}, ${pair(o0!, o1!)}, ${pair(s0!, s1!)})`;
}
