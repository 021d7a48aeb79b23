/**
 * Loads and stores: code (prefix 0xfd from 0xfd00 up), log2 of the width in bytes, which is the alignment hint, and
 * the type that is loaded or stored. Addresses need not be aligned.
 */
export const loadOps = {
  "i32.load": [0x28, 2, "i32"],
  "i64.load": [0x29, 3, "i64"],
  "f32.load": [0x2a, 2, "f32"],
  "f64.load": [0x2b, 3, "f64"],
  "i32.load8_s": [0x2c, 0, "i32"],
  "i32.load8_u": [0x2d, 0, "i32"],
  "i32.load16_s": [0x2e, 1, "i32"],
  "i32.load16_u": [0x2f, 1, "i32"],
  "i32.atomic.load": [0xfe10, 2, "i32"],
  "v128.load": [0xfd00, 4, "v128"],
  "v128.load8x8_s": [0xfd01, 3, "v128"],
  "v128.load8x8_u": [0xfd02, 3, "v128"],
  "v128.load16x4_s": [0xfd03, 3, "v128"],
  "v128.load16x4_u": [0xfd04, 3, "v128"],
  "v128.load8_splat": [0xfd07, 0, "v128"],
  "v128.load16_splat": [0xfd08, 1, "v128"],
  "v128.load32_splat": [0xfd09, 2, "v128"],
  "v128.load64_splat": [0xfd0a, 3, "v128"],
  "v128.load32_zero": [0xfd5c, 2, "v128"],
  "v128.load64_zero": [0xfd5d, 3, "v128"],
} as const;

export const storeOps = {
  "i32.store": [0x36, 2, "i32"],
  "i64.store": [0x37, 3, "i64"],
  "f32.store": [0x38, 2, "f32"],
  "f64.store": [0x39, 3, "f64"],
  "i32.store8": [0x3a, 0, "i32"],
  "i32.store16": [0x3b, 1, "i32"],
  "v128.store": [0xfd0b, 4, "v128"],
} as const;

/** One lane between memory and a vector. */
export const laneLoadOps = {
  "v128.load8_lane": [0xfd54, 0],
  "v128.load16_lane": [0xfd55, 1],
  "v128.load32_lane": [0xfd56, 2],
  "v128.load64_lane": [0xfd57, 3],
} as const;

export const laneStoreOps = {
  "v128.store8_lane": [0xfd58, 0],
  "v128.store16_lane": [0xfd59, 1],
  "v128.store32_lane": [0xfd5a, 2],
  "v128.store64_lane": [0xfd5b, 3],
} as const;

/** One lane out of a vector, and the type it has outside. */
export const extractOps = {
  "i8x16.extract_lane_s": [0xfd15, "i32"],
  "i8x16.extract_lane_u": [0xfd16, "i32"],
  "i16x8.extract_lane_s": [0xfd18, "i32"],
  "i16x8.extract_lane_u": [0xfd19, "i32"],
  "i32x4.extract_lane": [0xfd1b, "i32"],
  "i64x2.extract_lane": [0xfd1d, "i64"],
  "f32x4.extract_lane": [0xfd1f, "f32"],
  "f64x2.extract_lane": [0xfd21, "f64"],
} as const;

export const replaceOps = {
  "i32x4.replace_lane": [0xfd1c, "i32"],
  "i64x2.replace_lane": [0xfd1e, "i64"],
  "f32x4.replace_lane": [0xfd20, "f32"],
  "f64x2.replace_lane": [0xfd22, "f64"],
} as const;
