/** Parameters of an image from the text in it (formats/pictureText.ts): our own record (`winnow`), else what a tool wrote that is read here
 *  (pictureSettings/). What was written by another gives nothing rather than something else. */
import { type ImageRecord, imageRecordSchema } from '../records/images.ts';
import { parseJson } from '../shared/json.ts';
import { isJson, type PictureText, type ReadParameters, toParameters } from './pictureSettings/found.ts';
import { settingsTools } from './pictureSettings/table.ts';

export const imageParameters = (text: PictureText): Partial<ImageRecord> | null => readParameters(text).parameters;

export function readParameters(text: PictureText): ReadParameters {
  const own = ownRecord(text.get('winnow'));
  if (own) return { parameters: own, notTaken: [] };
  for (const tool of settingsTools) {
    const found = tool.read(text);
    if (found) return toParameters(found);
  }
  return {
    parameters: null,
    notTaken: isJson(text.get('parameters') ?? '')
      ? ['Its settings are in a form of another tool that Winnow does not read.']
      : [],
  };
}

/** Undefined where something else wrote under our name: the common form may still be there. */
function ownRecord(text: string | undefined): Partial<ImageRecord> | undefined {
  if (!text) return undefined;
  try {
    const value = parseJson(text, { file: 'The record' });
    return imageRecordSchema.partial().safeParse(value).success ? (value as Partial<ImageRecord>) : undefined;
  } catch {
    return undefined;
  }
}
