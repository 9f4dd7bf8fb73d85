/** What an exporter is: a record of one format of files that a person takes away. Adding one touches this folder alone: its file, and a line of
 *  table.ts. Models and LoRAs are written by the engine: service/export. */
export interface Exporter<Data> {
  title: string;
  /** In one line, below its button. */
  what: string;
  /** With the point. */
  extension: string;
  mediaType: string;
  write(data: Data): string;
}

/** A file to be saved. `name` is without its ending. */
export const exported = <Data>(
  { extension, mediaType, write }: Exporter<Data>,
  name: string,
  data: Data,
): { name: string; bytes: string; type: string } => ({
  name: `${name}${extension}`,
  bytes: write(data),
  type: mediaType,
});
