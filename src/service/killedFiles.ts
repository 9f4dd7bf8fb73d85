/** A file store whose process is killed at a given write, for tests of what is then found. */
import { MemoryFileStore } from './memoryFiles.ts';

/** After so many writes its process is dead: nothing more happens, whoever asks. */
export class KilledFiles extends MemoryFileStore {
  left = Infinity;
  /** What is removed first of a folder. */
  last = false;

  private async live(work: () => Promise<void>): Promise<void> {
    if (this.left <= 0) throw new Error('killed');
    this.left -= 1;
    await work();
  }

  override write(path: string, bytes: Uint8Array): Promise<void> {
    return this.live(() => super.write(path, bytes));
  }

  override append(path: string, bytes: Uint8Array): Promise<void> {
    return this.live(() => super.append(path, bytes));
  }

  override commit(path: string): Promise<void> {
    return this.live(() => super.commit(path));
  }

  override async remove(path: string): Promise<void> {
    const below = await this.list(path);
    for (const file of [...(this.last ? below.toReversed() : below), path]) await this.live(() => super.remove(file));
  }
}
