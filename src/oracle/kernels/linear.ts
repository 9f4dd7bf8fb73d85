/** Float64 linear layer and its gradients: three matrix products. */
import { sizeOf } from '../../shared/shape.ts';
import { type CpuKernel, matmul, matrix, transposed } from '../tensor.ts';

/** x [..., I], weight [O, I], bias [O]?, residual [..., O]? → scale * (x Wᵀ + bias) + residual. torch.nn.Linear. */
export const linear: CpuKernel<'linear'> = ({ bias, residual, scale }, inputs, [y]) => {
  const [x, weight] = [inputs[0]!, inputs[1]!];
  const [O, I] = weight.shape as [number, number];
  const rows = sizeOf(x.shape.slice(0, -1));
  const b = bias ? inputs[2]!.data : undefined;
  const r = residual ? inputs[bias ? 3 : 2]!.data : undefined;
  const out = y!.data;
  for (let row = 0, i = 0; row < rows; row++)
    for (let o = 0; o < O; o++, i++) out[i] = (b ? scale * b[o]! : 0) + (r ? r[i]! : 0);
  matmul(rows, O, I, matrix(x.data, I), transposed(matrix(weight.data, I)), matrix(out, O), {
    factor: scale,
    add: true,
  });
};

/** dy [..., O], weight [O, I], residual [..., I]? → scale * dy W + residual. */
export const linearGradInput: CpuKernel<'linearGradInput'> = ({ residual, scale }, inputs, [dx]) => {
  const [dy, weight] = [inputs[0]!, inputs[1]!];
  const [O, I] = weight.shape as [number, number];
  if (residual) dx!.data.set(inputs[2]!.data);
  matmul(sizeOf(dy.shape.slice(0, -1)), I, O, matrix(dy.data, O), matrix(weight.data, I), matrix(dx!.data, I), {
    factor: scale,
    add: residual,
  });
};

/** dy [..., O], x [..., I] → scale * dyᵀ x [O, I], and with bias scale * the sum of dy's rows [O]. */
export const linearGradWeight: CpuKernel<'linearGradWeight'> = ({ scale }, [dy, x], [dw, db]) => {
  const [O, I] = dw!.shape as [number, number];
  const rows = sizeOf(dy!.shape.slice(0, -1));
  matmul(O, I, rows, transposed(matrix(dy!.data, O)), matrix(x!.data, I), matrix(dw!.data, I), { factor: scale });
  if (!db) return;
  db.data.fill(0);
  dy!.data.forEach((g, i) => (db.data[i % O]! += scale * g));
};
