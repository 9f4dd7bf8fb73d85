import { basename, dirname } from 'node:path';
import { defaultHost } from '../../data/hub/repository.ts';
import { Jobs } from '../../service/jobs.ts';
import { openModelFolder } from '../../service/model/modelFolder.ts';
import { ModelStorage } from '../../service/model/modelStorage.ts';
import type { HubPlan, StorageEvent } from '../../service/types.ts';
import { absolute, required } from '../arguments.ts';
import { openEnvironment } from '../engine.ts';
import { NodeFileStore } from '../files.ts';
import { Pace, table, type Terminal } from '../terminal.ts';
import { defineVerb } from '../verb.ts';

export const download = defineVerb({
  name: 'download',
  summary: "fetch a model from a hub into a folder, checked against the hub's hashes",
  positionals: ['OWNER/NAME'],
  options: {
    host: { kind: 'text', value: 'URL', help: 'hub with the addresses of huggingface.co', default: defaultHost },
    revision: { kind: 'text', value: 'REV', help: 'branch, tag or commit', default: 'main' },
    out: { kind: 'text', value: 'DIR', help: 'folder to put it into: MODEL for the other verbs' },
    plan: { kind: 'flag', help: 'only say what would be fetched' },
  },
  notes: [
    'Only what is needed is fetched; of several variants of the weights one, fp16 first. What was cut short goes on where it was.',
  ],
  example: 'segmind/tiny-sd --out tiny-sd',
  async run([model], { host, revision, out: folder, plan: planOnly }, terminal) {
    const out = absolute(required('out', folder));
    const [root, id] = [dirname(out), basename(out)];
    const request = { id: model!, host, revision };
    const storage = new ModelStorage({ files: new NodeFileStore(root), root, taken: [], now: () => new Date() });
    const plan = await storage.planDownload(request, id);
    if (planOnly) return { json: plan, text: describe(plan) };
    terminal.note(
      `${plan.files.length} files, ${printed(plan.totalBytes)}${plan.presentBytes > 0 ? `, ${printed(plan.presentBytes)} of them here` : ''}`,
    );
    const jobs = new Jobs();
    terminal.onInterrupt(() => void jobs.cancel('download'));
    // The commit of the plan, which `main` may leave behind.
    await jobs.run('download', (signal) =>
      storage.downloadModel(signal, { ...request, revision: plan.revision }, progress(terminal), id),
    );
    const { info } = await openModelFolder(out, await openEnvironment({ base: out, root, gpu: false }));
    return {
      json: { ...plan, folder: out, model: info },
      text: `${out}: ${info.family}, ${info.precision}, ${printed(plan.totalBytes)}, from ${plan.host}/${plan.id}@${plan.revision}`,
    };
  },
});

const printed = (bytes: number): string =>
  bytes < 1e6
    ? `${(bytes / 1e3).toFixed(1)} kB`
    : bytes < 1e9
      ? `${(bytes / 1e6).toFixed(1)} MB`
      : `${(bytes / 1e9).toFixed(2)} GB`;

function progress(terminal: Terminal): (event: StorageEvent) => void {
  const pace = new Pace();
  return (event) => {
    if (event.type === 'retry') return terminal.note(`${event.file}: ${event.reason} Trying again.`);
    const { file, doneBytes, totalBytes } = event;
    terminal.status(
      `${printed(doneBytes)} of ${printed(totalBytes)}${pace.left(doneBytes, totalBytes)}: ${file}`,
      doneBytes === totalBytes,
    );
  };
}

function describe({ files, totalBytes, presentBytes, availableBytes, host, id, revision }: HubPlan): string {
  return [
    `${host}/${id}@${revision}`,
    '',
    table([
      ...files.map(({ path, size }) => [path, printed(size)]),
      ['together', printed(totalBytes)],
      ['here already', printed(presentBytes)],
      ...(availableBytes === null ? [] : [['room on the disk', printed(availableBytes)]]),
    ]),
  ].join('\n');
}
