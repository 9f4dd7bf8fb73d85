/** Pixels of JPEG, PNG and WebP, the same bytes in a page and under Node: what trains must not depend on where it is read. JPEG and WebP by the
 *  libraries that Pillow is built on (libjpeg-turbo's fork mozjpeg, libwebp), as wasm that is loaded when it is first needed. */
import { badPicture, type Orientation, type PictureInfo, type PictureType, readPictureInfo } from './pictureInfo.ts';
import { decodePng, type Pixels } from './png.ts';

/** An ICC profile is left alone, and alpha is dropped, not laid over a colour, as Pillow's `convert("RGB")` does in the published scripts. Of 16
 *  bits the high ones count (also of grey, which Pillow would clip to white). Turned as EXIF says.
 *  @throws BadFile for what readPictureInfo refuses, and for pixels that are damaged. */
export async function decodePicture(bytes: Uint8Array): Promise<Pixels & { data: Uint8Array; info: PictureInfo }> {
  const info = await readPictureInfo(bytes);
  const { type, orientation } = info;
  const decoded = await decoders[type](bytes);
  const turned = upright(decoded, orientation);
  if (turned.width !== info.width || turned.height !== info.height)
    throw badPicture('its header and its pixels are of different sizes');
  for (let i = 3; i < turned.data.length; i += 4) turned.data[i] = 255;
  return { ...turned, info };
}

type Decode = (bytes: Uint8Array) => Promise<Pixels & { data: Uint8Array }>;

const decoders: Record<PictureType, Decode> = {
  png: async (bytes) => decodePng(bytes),
  jpeg: wasmDecoder(async () => {
    const [{ default: decode, init }, { default: wasm }] = await Promise.all([
      import('@jsquash/jpeg/decode.js'),
      import('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm?url&inline'),
    ]);
    return { wasm, init, decode: (buffer) => decode(buffer, { preserveOrientation: false }) };
  }),
  webp: wasmDecoder(async () => {
    const [{ default: decode, init }, { default: wasm }] = await Promise.all([
      import('@jsquash/webp/decode.js'),
      import('@jsquash/webp/codec/dec/webp_dec.wasm?url&inline'),
    ]);
    return { wasm, init, decode };
  }),
};

/** A decoder's memory only grows: behind a picture of more bytes than these it begins anew. */
const KEPT_BYTES = 2 ** 26;

interface Codec {
  /** As a data: address. */
  wasm: string;
  init(module: WebAssembly.Module, options: object): Promise<void>;
  decode(buffer: ArrayBuffer): Promise<{ width: number; height: number; data: Uint8ClampedArray }>;
}

function wasmDecoder(open: () => Promise<Codec>): Decode {
  let opening: Promise<{ codec: Codec; module: WebAssembly.Module }> | undefined;
  let ready: Promise<void> | undefined;
  return async (bytes) => {
    opening ??= (async () => {
      const codec = await open();
      return { codec, module: await WebAssembly.compile(await (await fetch(codec.wasm)).arrayBuffer()) };
    })();
    const { codec, module } = await opening;
    ready ??= codec.init(module, { print: () => {}, printErr: () => {} });
    await ready;
    try {
      const { width, height, data } = await codec.decode(new Uint8Array(bytes).buffer);
      if (data.length > KEPT_BYTES) ready = undefined;
      return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
    } catch {
      // Whatever it was left in the middle of.
      ready = undefined;
      throw badPicture('its pixels are damaged', 'Bring it again, whole.');
    }
  };
}

/** Turned and mirrored so that it lies as it is shown. */
function upright(picture: Pixels & { data: Uint8Array }, orientation: Orientation): Pixels & { data: Uint8Array } {
  if (orientation === 1) return picture;
  const { width, height } = picture;
  const [to, from] = [new Uint32Array(width * height), new Uint32Array(picture.data.slice().buffer)];
  const transposed = orientation > 4;
  const [across, down] = transposed ? [height, width] : [width, height];
  // Of the stored picture: whether its columns and rows run backwards.
  const backwards = [2, 3, 7, 8].includes(orientation);
  const upsideDown = [3, 4, 6, 7].includes(orientation);
  for (let y = 0; y < down; y++)
    for (let x = 0; x < across; x++) {
      const [column, row] = transposed ? [y, x] : [x, y];
      to[y * across + x] =
        from[(upsideDown ? height - 1 - row : row) * width + (backwards ? width - 1 - column : column)]!;
    }
  return { width: across, height: down, data: new Uint8Array(to.buffer) };
}
