/** What a project file is: one zip with everything that a person has made. `winnow-project.json` names every other entry with its size and SHA-256;
 *  `records/` holds what the database keeps, as JSON Lines; `files/` what lies in the file store, under the same paths; `settings.json` choices and
 *  drafts. It is a plain zip: any tool opens it, and one that was packed again is still a project. */
import { z } from 'zod';
import { WinnowError } from '../../shared/errors.ts';
import { parseJson } from '../../shared/json.ts';
import { problemsIn } from '../../shared/problems.ts';
import type { StoreName } from '../db.ts';

export const MANIFEST = 'winnow-project.json';
export const SETTINGS = 'settings.json';

/** Folders of the file store whose files a person has made or brought. Models go by choice; what was measured on a machine, and what was exported,
 *  stays behind. */
export const FOLDERS = ['images', 'pairs', 'pictures', 'init', 'loras', 'runs'] as const;

export const MAX_MANIFEST_BYTES = 512 * 2 ** 20;

export interface ProjectModel {
  id: string;
  title: string;
  /** Where it came from, for who does not have it. */
  origin?: string | undefined;
  /** Whether its files are in the project. */
  included: boolean;
  files: { path: string; size: number; sha256: string }[];
}

export interface ProjectManifest {
  winnow: 'project';
  version: 1;
  savedAt: string;
  counts: Record<StoreName | 'runs', number>;
  entries: { path: string; size: number; sha256: string }[];
  models: ProjectModel[];
}

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'is no SHA-256');
const size = z.int().min(0);

const isInside = (path: string): boolean =>
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..') &&
  !/[\\\0]/.test(path) &&
  !path.endsWith('.part');

const roots = ['records', ...[...FOLDERS, 'models'].map((folder) => `files/${folder}`)];

const entryPath = z
  .string()
  .refine(
    (path) => path === SETTINGS || (isInside(path) && roots.some((root) => path.startsWith(`${root}/`))),
    'leads out of the project',
  );

const schema = z.looseObject({
  winnow: z.literal('project'),
  version: z.literal(1),
  savedAt: z.string(),
  counts: z.object({ labels: size, pairs: size, images: size, blindTests: size, runs: size }),
  entries: z.array(z.looseObject({ path: entryPath, size, sha256: hash })),
  models: z.array(
    z.looseObject({
      id: z.string().min(1).refine(isInside, 'leads out of the project'),
      title: z.string(),
      origin: z.string().optional(),
      included: z.boolean(),
      files: z.array(z.looseObject({ path: z.string().refine(isInside), size, sha256: hash })),
    }),
  ),
}) satisfies z.ZodType<ProjectManifest>;

/** Throws BadFile, UnsupportedConfig for the project of a later version. */
export function parseManifest(bytes: Uint8Array, project: string): ProjectManifest {
  const file = `The list of contents (${MANIFEST}) of ${project}`;
  const remedy = 'Save the project again where it was made.';
  const value = parseJson(bytes, { file, remedy, limit: MAX_MANIFEST_BYTES });
  const { version } = (value ?? {}) as { version?: unknown };
  if (typeof version === 'number' && version > 1)
    throw new WinnowError(
      'UnsupportedConfig',
      `${project} was saved by a later version of Winnow.`,
      'Reload the page to get that version.',
    );
  const result = schema.safeParse(value);
  if (!result.success)
    throw new WinnowError('BadFile', `${file} is not right (${problemsIn(result.error, 'file')}).`, remedy);
  const paths = result.data.entries.map(({ path }) => path);
  if (new Set(paths).size < paths.length) throw new WinnowError('BadFile', `${file} names a file twice.`, remedy);
  return result.data;
}

export const recordsPath = (kind: StoreName, part: number): string =>
  `records/${kind}-${String(part).padStart(4, '0')}.jsonl`;

/** The store that a `records/` entry is for; undefined for none of ours. */
export const storeOf = (path: string): StoreName | undefined =>
  /^records\/(labels|pairs|images|blindTests)-\d+\.jsonl$/.exec(path)?.[1] as StoreName | undefined;
