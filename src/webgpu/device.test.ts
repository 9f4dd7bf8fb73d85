/** What tells adapters apart where their names do not; and what becomes of work on a device that is lost. */
import { describe, expect, it } from 'vitest';
import { MATRIX_FEATURE, SIZE_FEATURE } from '../shared/subgroupMatrices.ts';
import { adapterKey, type AdapterReport, openDevice } from './device.ts';

const blank: AdapterReport = {
  vendor: '',
  architecture: '',
  device: '',
  description: '',
  software: false,
  features: ['shader-f16', 'timestamp-query'],
  limits: { maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 30 },
};

const none = new Set<string>();

it('tells adapters without a name apart by what they can do', () => {
  const others: Partial<AdapterReport>[] = [
    { software: true },
    { features: ['timestamp-query'] },
    { limits: { ...blank.limits, maxBufferSize: 2 ** 32 } },
    { vendor: 'intel' },
    { description: 'intel' },
  ];
  const keys = [blank, ...others.map((other) => ({ ...blank, ...other }))].map((report) => adapterKey(report, none));
  expect(new Set(keys).size).toBe(keys.length);
});

it('gives the same adapter the same key, in whatever order it lists its features and limits', () => {
  const { maxBufferSize, maxStorageBufferBindingSize } = blank.limits;
  const turned: AdapterReport = {
    ...blank,
    features: blank.features.toReversed(),
    limits: { maxStorageBufferBindingSize: maxStorageBufferBindingSize!, maxBufferSize: maxBufferSize! },
  };
  expect(adapterKey(turned, none)).toBe(adapterKey(blank, none));
});

describe('subgroup matrices', () => {
  const of = (type: string, side: number, result = type) => ({
    componentType: type,
    resultComponentType: result,
    M: side,
    N: side,
    K: side,
  });
  const metals = [of('f32', 8), of('f16', 8)];

  async function opened(configs: object[] | undefined, subgroupMaxSize: number, matrices?: boolean, ...more: string[]) {
    const asked: string[] = [];
    const adapter = {
      info: { subgroupMatrixConfigs: configs, subgroupMinSize: Math.min(32, subgroupMaxSize), subgroupMaxSize },
      limits: {},
      features: new Set(['subgroups', MATRIX_FEATURE, ...more]),
      requestDevice: async ({ requiredFeatures }: { requiredFeatures: string[] }) => {
        asked.push(...requiredFeatures);
        return { lost: new Promise(() => {}), addEventListener: () => {}, features: new Set(requiredFeatures) };
      },
    };
    const {
      adapter: report,
      device,
      halfMatrix,
    } = await openDevice(
      { requestAdapter: async () => adapter } as unknown as GPU,
      matrices === undefined ? undefined : { matrices },
    );
    return { asked, report, halfMatrix, key: adapterKey(report, device.features) };
  }

  it('are asked for by choice alone, and what was measured without them does not stand for them', async () => {
    const [without, withThem] = [await opened(metals, 32), await opened(metals, 32, true)];
    expect([without.asked, withThem.asked]).toEqual([['subgroups'], ['subgroups', MATRIX_FEATURE]]);
    expect(withThem.report.features).toEqual(without.report.features);
    expect(withThem.key).not.toBe(without.key);
    expect((await opened(metals, 32, false)).key).toBe(without.key);
  });

  it('of f16 are the first that there are kernels for, where halves can be computed with', async () => {
    const others = [
      of('i8', 16, 'i32'),
      of('f16', 16),
      of('f16', 32, 'f32'),
      of('f16', 16, 'f32'),
      of('f16', 8, 'f32'),
    ];
    const has = await opened(others, 32, true, 'shader-f16');
    expect([has.asked, has.halfMatrix]).toEqual([['shader-f16', 'subgroups', MATRIX_FEATURE], 'matrix16x16x16']);
    expect((await opened(others, 32, false, 'shader-f16')).halfMatrix).toBeUndefined();
    expect((await opened(others, 32, true)).halfMatrix).toBeUndefined();
    expect((await opened(metals, 32, true, 'shader-f16')).halfMatrix).toBeUndefined();
  });

  it('are asked for in subgroups of 32 where an adapter has larger ones, too, and lets their size be said', async () => {
    const amds = [of('f16', 16, 'f32')];
    const has = await opened(amds, 64, true, 'shader-f16', SIZE_FEATURE);
    expect([has.asked, has.halfMatrix]).toEqual([
      ['shader-f16', 'subgroups', SIZE_FEATURE, MATRIX_FEATURE],
      'matrix16x16x16of32',
    ]);
    expect((await opened(amds, 64, false, SIZE_FEATURE)).asked).toEqual(['subgroups', SIZE_FEATURE]);
    expect((await opened(amds, 32, false, SIZE_FEATURE)).asked).toEqual(['subgroups']);
    expect((await opened(amds, 64, true, 'shader-f16')).halfMatrix).toBeUndefined();
    expect((await opened(amds, 32, true, 'shader-f16', SIZE_FEATURE)).halfMatrix).toBe('matrix16x16x16');
  });

  it.each([
    ['of another type', [of('f16', 8), of('f16', 8, 'f32')], 32],
    ['of another size', [of('f32', 16)], 32],
    ['over subgroups that are too wide', metals, 64],
    ['that nothing is told of', undefined, 32],
  ] as const)('%s are not asked for', async (_, configs, size) => {
    const { asked, report } = await opened(configs && [...configs], size, true);
    expect([asked, report.features]).toEqual([['subgroups'], ['subgroups']]);
  });
});

describe('a device that is lost', () => {
  /** One that tells of its loss when it is told to, as browsers do, and answers nothing by itself. */
  async function opened() {
    let tell: (info: Partial<GPUDeviceLostInfo>) => void = () => {};
    const device = {
      lost: new Promise((resolve) => (tell = resolve)),
      addEventListener: () => {},
      destroy: () => tell({ reason: 'destroyed', message: 'Device was destroyed.' }),
    };
    const adapter = { info: {}, limits: {}, features: new Set(), requestDevice: async () => device };
    const gpu = { requestAdapter: async () => adapter } as unknown as GPU;
    return {
      engine: await openDevice(gpu),
      lose: () => tell({ reason: 'unknown', message: 'The driver was reset. ' }),
    };
  }
  const never = new Promise<number>(() => {});

  it('is the answer to work that never comes back, of before and after', async () => {
    const { engine, lose } = await opened();
    const waiting = [engine.wait(never), engine.wait(never)];
    lose();
    for (const work of waiting)
      await expect(work).rejects.toMatchObject({
        name: 'DeviceLost',
        what: 'The GPU was taken away (The driver was reset).',
      });
    await expect(engine.wait(never)).rejects.toMatchObject({ name: 'DeviceLost' });
    await expect(engine.wait(Promise.resolve(1))).rejects.toMatchObject({ name: 'DeviceLost' });
    expect(() => engine.check()).toThrow('The driver was reset');
    expect(await engine.lost).toMatchObject({ name: 'DeviceLost' });
  });

  it('is what broke work that was rejected before the loss was told', async () => {
    const { engine, lose } = await opened();
    const work = engine.wait(Promise.reject(new DOMException('The buffer was unmapped.', 'AbortError')));
    setTimeout(lose, 10);
    await expect(work).rejects.toMatchObject({ name: 'DeviceLost' });
  });

  it('is not to blame for what went wrong by itself', async () => {
    const { engine } = await opened();
    expect(await engine.wait(Promise.resolve(1))).toBe(1);
    await expect(engine.wait(Promise.reject(new Error('no such thing')))).rejects.toMatchObject({ name: 'GpuError' });
  });

  it('is none where the engine lets it go itself', async () => {
    const { engine } = await opened();
    const waiting = engine.wait(never);
    engine.destroy();
    await expect(waiting).rejects.toMatchObject({ name: 'DeviceLost' });
    expect(await engine.lost).toBeNull();
  });
});

it('says by name that an adapter gives no device', async () => {
  const adapter = {
    info: {},
    limits: {},
    features: new Set(),
    requestDevice: () => Promise.reject(new DOMException('The adapter is consumed.', 'OperationError')),
  };
  await expect(openDevice({ requestAdapter: async () => adapter } as unknown as GPU)).rejects.toMatchObject({
    name: 'NoWebGPU',
    message: expect.stringContaining('The adapter is consumed') as string,
  });
});
