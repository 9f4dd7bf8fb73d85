/** Tasks for Label Studio, to be judged by several people on a server: every pair, judged here or not. Its Pairwise tag does not shuffle sides: they
 *  are drawn here, and each task says which picture it shows on the left. What people answer comes back by the importer of the same name. */
import { RandomStream } from '../../../shared/rng.ts';
import type { ExportEntry, PairsExporter, ToWrite } from './exporter.ts';
import { endingOf, pictureOf } from './judged.ts';
import { once } from './parquetTable.ts';

export const labelStudioExporter: PairsExporter = {
  title: 'Label Studio',
  what: 'tasks.json, config.xml and pictures/ for a Label Studio server; every pair, sides shuffled',
  all: true,
  ties: true,
  splits: false,
  entries,
};

/** What a server gives files of its own disk under (`LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED`). */
export const LOCAL_FILES = '/data/local-files/?d=';

/** The tag has no tie: hence the choices, on the prompt, since it binds every click on the pictures. */
const config = `<View>
  <Text name="prompt" value="$prompt"/>
  <Pairwise name="pref" toName="left,right"/>
  <Image name="left" value="$left"/>
  <Image name="right" value="$right"/>
  <Choices name="none" toName="prompt" choice="single-radio">
    <Choice value="tie"/>
    <Choice value="both_bad"/>
  </Choices>
</View>
`;

async function* entries({ source, options }: ToWrite): AsyncGenerator<ExportEntry> {
  const { pairs, files } = source;
  yield { path: 'config.xml', bytes: once(config) };
  const place = (n: number, which: number): string =>
    `pictures/${String(n + 1).padStart(String(pairs.length).length, '0')}-${which}${endingOf(pairs[n]!.images[which]!)}`;
  for (const n of pairs.keys())
    for (const which of [0, 1] as const)
      yield {
        path: place(n, which),
        bytes: (async function* () {
          yield await pictureOf(files, pairs[n]!.images[which]);
        })(),
      };
  const tasks = pairs.map(({ id, prompt }, n) => {
    const shownLeft = new RandomStream({ seed: options.seed, purpose: 'sideOrder', pair: n }).int(0, 2);
    const at = (which: number): string => `${options.picturesAt}${place(n, which)}`;
    return { data: { pair: id, prompt, left: at(shownLeft), right: at(1 - shownLeft), shown_left: shownLeft } };
  });
  yield { path: 'tasks.json', bytes: once(`[\n${tasks.map((task) => JSON.stringify(task)).join(',\n')}\n]\n`) };
}
