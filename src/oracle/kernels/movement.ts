/** Float64 ops that only move numbers: concat, slice, transpose, nearest resize, lookups, and their transposes. */
import { axes4, type Shape, sizeOf, stridesOf } from '../../shared/shape.ts';
import { type CpuKernel, forEachStrided } from '../tensor.ts';

/** A tensor seen around one axis: [outer, axis, inner]. */
function around(shape: Shape, axis: number): { outer: number; inner: number } {
  return { outer: sizeOf(shape.slice(0, axis)), inner: sizeOf(shape.slice(axis + 1)) };
}

export const concat: CpuKernel<'concat'> = ({ axis }, inputs, [y]) => {
  const { outer, inner } = around(y!.shape, axis);
  const row = y!.shape[axis]! * inner;
  let start = 0;
  for (const x of inputs) {
    const length = x.shape[axis]! * inner;
    for (let o = 0; o < outer; o++) y!.data.set(x.data.subarray(o * length, (o + 1) * length), o * row + start);
    start += length;
  }
};

export const slice: CpuKernel<'slice'> = ({ axis, start, length }, [x], [y]) => {
  const { outer, inner } = around(x!.shape, axis);
  const row = x!.shape[axis]! * inner;
  for (let o = 0; o < outer; o++)
    y!.data.set(x!.data.subarray(o * row + start * inner, o * row + (start + length) * inner), o * length * inner);
};

export const split: CpuKernel<'split'> = ({ axis, lengths }, [x], parts) => {
  let start = 0;
  for (const [i, length] of lengths.entries()) {
    slice({ axis, start, length }, [x!], [parts[i]!]);
    start += length;
  }
};

export const padAxis: CpuKernel<'padAxis'> = ({ axis, start, length }, [x], [y]) => {
  const { outer, inner } = around(x!.shape, axis);
  const row = x!.shape[axis]! * inner;
  y!.data.fill(0);
  for (let o = 0; o < outer; o++) y!.data.set(x!.data.subarray(o * row, (o + 1) * row), (o * length + start) * inner);
};

/** The executor aliases instead; this is for callers that run a kernel on its own. */
export const reshape: CpuKernel<'reshape'> = (_, [x], [y]) => y!.data.set(x!.data);

export const transpose: CpuKernel<'transpose'> = ({ perm }, [x], [y]) => {
  const strides = stridesOf(x!.shape);
  forEachStrided(
    y!.shape,
    perm.map((axis) => strides[axis]!),
    (i, j) => (y!.data[i] = x!.data[j]!),
  );
};

/** Calls visit(big, small) for each pixel of [planes, height, width] and the pixel floor(i * H / height) of [planes, H, W] it comes from. */
function nearest(small: Shape, big: Shape, visit: (big: number, small: number) => void): void {
  const [N, C, H, W] = axes4(small);
  const [, , height, width] = axes4(big);
  for (let plane = 0, i = 0; plane < N * C; plane++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++)
        visit(i, (plane * H + Math.floor((y * H) / height)) * W + Math.floor((x * W) / width));
}

export const upsampleNearest: CpuKernel<'upsampleNearest'> = (_, [x], [y]) => {
  nearest(x!.shape, y!.shape, (big, small) => (y!.data[big] = x!.data[small]!));
};

export const upsampleNearestGrad: CpuKernel<'upsampleNearestGrad'> = (_, [dy], [dx]) => {
  dx!.data.fill(0);
  nearest(dx!.shape, dy!.shape, (big, small) => (dx!.data[small]! += dy!.data[big]!));
};

/** table [V, D], ids [...] → [..., D]. */
export const embedding: CpuKernel<'embedding'> = (_, [table, ids], [y]) => {
  const D = table!.shape[1]!;
  ids!.data.forEach((id, i) => y!.data.set(table!.data.subarray(id * D, (id + 1) * D), i * D));
};

export const embeddingGrad: CpuKernel<'embeddingGrad'> = (_, [dy, ids], [dtable]) => {
  const D = dtable!.shape[1]!;
  dtable!.data.fill(0);
  ids!.data.forEach((id, i) => {
    for (let d = 0; d < D; d++) dtable!.data[id * D + d]! += dy!.data[i * D + d]!;
  });
};

/** x [B, T, D], index [B] → x[b, index[b]] [B, D]. */
export const takeToken: CpuKernel<'takeToken'> = (_, [x, index], [y]) => {
  const [, T, D] = x!.shape as [number, number, number];
  index!.data.forEach((t, b) => y!.data.set(x!.data.subarray((b * T + t) * D, (b * T + t + 1) * D), b * D));
};

export const takeTokenGrad: CpuKernel<'takeTokenGrad'> = ({ tokens }, [dy, index], [dx]) => {
  const D = dy!.shape[1]!;
  dx!.data.fill(0);
  index!.data.forEach((t, b) => dx!.data.set(dy!.data.subarray(b * D, (b + 1) * D), (b * tokens + t) * D));
};

/** timestep [B], freqs [half] → [B, 2 half]. The angle is the f32 product, as in diffusers get_timestep_embedding: at t = 999 its
 *  rounding moves cos by 3e-5, which every other engine has too. */
export const timestepEmbedding: CpuKernel<'timestepEmbedding'> = ({ flipSinToCos }, [timestep, freqs], [y]) => {
  const half = freqs!.data.length;
  timestep!.data.forEach((t, b) => {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(t * freqs!.data[i]!);
      y!.data[b * 2 * half + (flipSinToCos ? half : 0) + i] = Math.sin(angle);
      y!.data[b * 2 * half + (flipSinToCos ? 0 : half) + i] = Math.cos(angle);
    }
  });
};
