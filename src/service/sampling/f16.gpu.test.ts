/** Pictures in f16: refused by name where an adapter lacks it, else drawn so, and kept as what they are. */
import { expect, it } from 'vitest';
import { openNodeGpu } from '../../cli/device.ts';
import { readPngText } from '../../data/formats/png.ts';
import { openSafetensors } from '../../data/formats/safetensors.ts';
import { Engine } from '../engineService.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { microModel } from '../microModel.ts';
import { testEnvironment } from '../testEnvironment.ts';
import type { GenerateRequest, GenerationSettings } from '../types.ts';

const settings: GenerationSettings = {
  model: { base: 'micro', adapters: [] },
  negativePrompt: '',
  steps: 2,
  guidanceScale: 3,
  width: 32,
  height: 32,
  scheduler: 'DDIMScheduler',
  sampler: 'auto',
};

it('draws in f16 where an adapter offers it, and refuses it elsewhere', async () => {
  const { gpu } = await openNodeGpu();
  const files = new MemoryFileStore();
  const engine = new Engine(testEnvironment({ gpu, files, embeddedModels: ['micro'], openModel: () => microModel() }));
  const { features } = await engine.start();
  const request: GenerateRequest = { ...settings, arithmetic: 'f16', items: [{ prompt: 'a tree', seed: 1 }] };
  const drawn = engine.generate('f16', request, () => {});
  if (!features.includes('shader-f16')) {
    console.log('pictures in f16: left out, as this adapter does not offer shader-f16');
    await expect(drawn).rejects.toMatchObject({
      name: 'BadArguments',
      message: expect.stringMatching(/this GPU has none: it does not offer shader-f16/) as string,
    });
    expect(await files.list('images')).toEqual([]);
  } else {
    const [half] = await drawn;
    expect(half).toMatchObject({ arithmetic: 'f16', ranOn: 'engine' });
    const text = readPngText(await files.read(half!.file));
    expect(text.get('parameters')).toContain('Arithmetic: f16');
    expect(JSON.parse(text.get('winnow')!)).toMatchObject({ arithmetic: 'f16' });
    const [whole] = await engine.generate('f32', { ...request, arithmetic: undefined, sampler: 'engine' }, () => {});
    expect(whole).not.toHaveProperty('arithmetic', 'f16');
    const latentsOf = async (file: string): Promise<ArrayLike<number>> =>
      (await openSafetensors(await files.read(file))).read('latents');
    const [a, b] = [await latentsOf(half!.latentsFile), await latentsOf(whole!.latentsFile)];
    const off = Array.from(a, (x, i) => Math.abs(x - b[i]!));
    expect(Math.max(...off)).toBeGreaterThan(0);
    expect(Math.max(...off)).toBeLessThan(0.02);
  }
  await engine.dispose();
});
