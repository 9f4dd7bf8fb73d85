/** The last of what was computed, by key, as much as fits into some bytes. */
export class Kept {
  private readonly values = new Map<string, Float32Array>();
  private readonly most: number;
  private bytes = 0;

  constructor(mostBytes: number) {
    this.most = mostBytes;
  }

  get(key: string): Float32Array | undefined {
    return this.values.get(key);
  }

  set(key: string, value: Float32Array): void {
    this.bytes += value.byteLength - (this.values.get(key)?.byteLength ?? 0);
    this.values.set(key, value);
    for (const [oldest, { byteLength }] of this.values) {
      if (this.bytes <= this.most) break;
      this.values.delete(oldest);
      this.bytes -= byteLength;
    }
  }
}
