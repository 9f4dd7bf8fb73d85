/** Files that a person brings. What reads them is loaded with the first. */
import type { Brings, Brought } from '../../data/importers/importer.ts';
import type { Imported } from '../../data/importers/table.ts';

const table = () => import('../../data/importers/table.ts');

/** For the first of these uses that it has; see `importFrom`. */
export async function readFor<B extends Brings>(file: File, brings: readonly B[]): Promise<Imported<B>> {
  const { fileSource, importFrom } = await table();
  return importFrom(fileSource(file), brings);
}

/** Whatever it is called; see `importAs`. */
export async function readAs<B extends Brings>(file: File, brings: B): Promise<Brought[B]> {
  const { fileSource, importAs } = await table();
  return importAs(fileSource(file), brings);
}
