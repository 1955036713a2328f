const scratch = new DataView(new ArrayBuffer(4));

/** The value of an FP16 (IEEE 754 binary16): a sign, five bits of exponent with bias 15, ten of fraction. */
export function fp16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The value of a BF16, which is the upper half of an FP32. */
export function bf16Value(bits: number): number {
  scratch.setUint32(0, bits * 65536);
  return scratch.getFloat32(0);
}
