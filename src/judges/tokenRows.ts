/** Words' rows of a text tower's token table, which is as large as a third of the tower: read one by one, and kept. */
import type { TensorSource } from '../models/weights.ts';
import { Kept } from './kept.ts';

const MOST_BYTES = 32 * 2 ** 20;

export class TokenRows {
  private readonly weights: TensorSource;
  private readonly table: string;
  private readonly rows = new Kept(MOST_BYTES);

  /** @param table [V, D] */
  constructor(weights: TensorSource, table: string) {
    this.weights = weights;
    this.table = table;
  }

  /** @returns [T, D] of ids [T] */
  async embedded(ids: Int32Array): Promise<Float32Array> {
    const width = this.weights.shape(this.table)![1]!;
    const out = new Float32Array(ids.length * width);
    for (const [place, id] of ids.entries()) {
      let row = this.rows.get(`${id}`);
      if (!row) this.rows.set(`${id}`, (row = await this.read(id, width)));
      out.set(row, place * width);
    }
    return out;
  }

  private async read(row: number, width: number): Promise<Float32Array> {
    const { weights, table } = this;
    if (weights.readRows) return weights.readRows(table, row, row + 1);
    return (await weights.read(table)).slice(row * width, (row + 1) * width);
  }
}
