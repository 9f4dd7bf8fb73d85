/** RGBA bytes → [3, H, W] in [-1, 1], as the models of this field read pictures. */
export function planarFromRgba(rgba: Uint8Array | Uint8ClampedArray, width: number, height: number): Float32Array {
  const out = new Float32Array(3 * width * height);
  for (let c = 0; c < 3; c++)
    for (let i = 0; i < width * height; i++) out[c * width * height + i] = (rgba[4 * i + c]! / 255) * 2 - 1;
  return out;
}
