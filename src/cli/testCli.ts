/** The command line in tests: what it says, and how it ends. */
import { runCli } from './run.ts';

export async function winnow(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await runCli(args, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    live: false,
  });
  return { code, out, err };
}
