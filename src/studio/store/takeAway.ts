/** What a person takes away: LoRA files, a merged model, the labels, a report. Built here, saved by the caller. */
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { BlindRound, BlindTestRecord, Question } from '../../data/blindTests.ts';
import { makeZip } from 'client-zip';
import { exported } from '../../data/exporters/exporter.ts';
import { exporters } from '../../data/exporters/table.ts';
import { type PairsExportKind, type PlannedExport, planPairsExport } from '../../data/exporters/pairs/table.ts';
import { heldOutOf } from '../../data/heldOut.ts';
import { readPicture } from '../../data/images.ts';
import { writeInParts } from '../../data/partWriter.ts';
import { blindFigures, modelsOf } from '../../evaluation/blindFigures.ts';
import { categoryWords, range, rateHead, rateRow } from '../../evaluation/figureWords.ts';
import { lookBlocks } from '../../evaluation/lookWords.ts';
import type { Report, ReportBlock, ReportImage } from '../../evaluation/report.ts';
import { ratersBlocks, ratersFigures } from '../../evaluation/raters.ts';
import { runVerdict } from '../../evaluation/runVerdict.ts';
import { verdict } from '../../evaluation/verdict.ts';
import { betweenOf } from '../../records/blindTests.ts';
import { modelExports } from '../../service/export/kinds.ts';
import type { ExportKind, ModelRef } from '../../service/types.ts';
import { listener } from '../app/workers.ts';
import { isUnfinished } from './blindSlice.ts';
import { endedEarlyInWords } from './blindWords.ts';
import { comparedCells, gridModels } from './compareSelectors.ts';
import { english } from './english.ts';
import { comparedNamesIn, type JudgedComparison, judgedComparison } from './judgedComparison.ts';
import { ownSelfAgreement } from './labelSelectors.ts';
import { raterTitleIn } from './ratersSlice.ts';
import { files, siteBase, takenPath } from './services.ts';
import type { TakenFile } from './takeAwaySlice.ts';
import { useStudio } from './useStudio.ts';

const questions: Record<Question, MessageDescriptor> = {
  general: msg({ message: 'Which do you prefer?', comment: 'of two pictures' }),
  appeal: msg({ message: 'Which is more pleasing to look at?', comment: 'of two pictures' }),
  alignment: msg({ message: 'Which fits the description better?', comment: 'of two pictures' }),
};

export const questionTitles: Readonly<Record<Question, string>> = {
  get general() {
    return i18n._(questions.general);
  },
  get appeal() {
    return i18n._(questions.appeal);
  },
  get alignment() {
    return i18n._(questions.alignment);
  },
};

/** One file, a folder as a zip. What the engine wrote stays on disk until the page is opened again: a download may read it for long. */
export async function exportModel(
  model: ModelRef,
  kind: ExportKind,
  name: string,
  onProgress: (share: number) => void,
): Promise<TakenFile> {
  const [made] = await useStudio
    .getState()
    .engine()
    .export(
      model,
      kind,
      { zip: true },
      listener(({ doneBytes, totalBytes }) => onProgress(doneBytes / totalBytes)),
    );
  const store = await files();
  const bytes = (await store.open(made!.file)).blob ?? new Blob([await store.read(made!.file)]);
  return {
    name: `${name}-${kind}.${made!.name.split('.').at(-1)}`,
    bytes,
    type: modelExports[kind].extension === null ? 'application/zip' : 'application/octet-stream',
  };
}

export function exportLabels(): TakenFile {
  const { labelEvents: events, pairs } = useStudio.getState();
  return exported(exporters.labelEvents, 'winnow-labels', { events, pairs });
}

/** Judged pairs in a form that others read: one file, or a folder as a zip, written piece by piece. */
export async function exportPairs(
  kind: PairsExportKind,
  keepTies: boolean,
  onProgress: (share: number) => void,
): Promise<TakenFile> {
  const { labelEvents: events, labels, pairs } = useStudio.getState();
  const store = await files();
  const name = `winnow-${kind}`;
  let read = 0;
  const planned = planPairsExport(
    kind,
    {
      name,
      pairs,
      events,
      byPair: labels.byPair,
      files: {
        size: (file) => store.size(file),
        read: (file) => {
          onProgress(Math.min(1, ++read / (2 * planned.pairs)));
          return readPicture(store, file, siteBase);
        },
      },
    },
    { keepTies },
  );
  const { single } = planned;
  const ending = single?.extension ?? '.zip';
  const path = takenPath(`${name}${ending}`);
  await writeInParts(store, path, async (add) => {
    if (single) for await (const piece of single.bytes()) await add(piece);
    else
      await makeZip(zipEntries(name, planned)).pipeTo(new WritableStream({ write: (piece: Uint8Array) => add(piece) }));
  });
  const bytes = (await store.open(path)).blob ?? new Blob([await store.read(path)]);
  return { name: `${name}${ending}`, bytes, type: single?.mediaType ?? 'application/zip' };
}

async function* zipEntries(
  name: string,
  { entries }: PlannedExport,
): AsyncGenerator<{ name: string; input: AsyncIterable<Uint8Array> }> {
  for await (const { path, bytes } of entries()) yield { name: `${name}/${path}`, input: bytes };
}

const asked = (question: Question): string => english._(questions[question]);

/** A test in blocks of a report: every two models, all on one scale, by category. */
function blindBlocks(test: BlindTestRecord): ReportBlock[] {
  const models = modelsOf(test);
  return [
    {
      kind: 'text',
      text: `${models
        .map(({ title }) => title)
        .toReversed()
        .join(
          ' against ',
        )}, sides shuffled, names hidden${test.rater === undefined ? '' : `, judged by ${test.rater}`}; ${[`${new Date(test.createdAt).toLocaleString()}.`, endedEarlyInWords(test, english)].filter(Boolean).join(' ')}`,
    },
    ...blindFigures(test).flatMap(({ question, duels, strengths }): ReportBlock[] => [
      ...(duels.length === 0 ? [{ kind: 'text' as const, text: `${asked(question)} Nothing was answered.` }] : []),
      ...duels.flatMap(({ a, b, rate, overPrompts, categories }): ReportBlock[] => {
        const said = verdict(rate, models[b]!.title);
        return [
          {
            kind: 'share',
            label:
              models.length > 2 ? `${asked(question)} ${models[b]!.title} over ${models[a]!.title}` : asked(question),
            rate: rate.rate,
            interval: rate.interval,
          },
          { kind: 'text', text: `${said.counted} ${said.concluded}` },
          {
            kind: 'table',
            head: ['', ...rateHead, 'over prompts'],
            rows: [
              ['all', ...rateRow(rate), overPrompts ? range(overPrompts) : '-'],
              ...categories.map(({ category, rate: of }) => [categoryWords(category), ...rateRow(of), '']),
            ],
          },
        ];
      }),
      ...(strengths
        ? [
            {
              kind: 'table' as const,
              head: ['model', 'log odds over the first (Bradley-Terry)', '95 % interval', 'Elo'],
              rows: strengths.map(({ strength, interval, elo }, i) => [
                models[i]!.title,
                strength.toFixed(2),
                interval ? interval.map((end) => end.toFixed(2)).join(' to ') : '-',
                elo.toFixed(0),
              ]),
            },
          ]
        : []),
    ]),
  ];
}

/** Rounds of all tests together: beyond these the file would grow too large to send. */
const MOST_ROUNDS = 60;

type ReadPicture = (file: string, alt: string, caption?: string) => Promise<ReportImage | null>;

/** What was judged, under the models' names, and what was said of it.
 *  @param most rounds, the first ones. */
async function roundPictures(test: BlindTestRecord, most: number, picture: ReadPicture): Promise<ReportBlock[]> {
  const models = modelsOf(test);
  const said = ({ shownLeft, answers }: BlindRound, side: 'a' | 'b'): string =>
    answers
      .flatMap(({ question, answer }) =>
        answer !== 'tie' && (answer === 'left') === (shownLeft === side) ? asked(question) : [],
      )
      .map((question) => `chosen: ${question}`)
      .join(' ');
  const shown = test.rounds.slice(0, most);
  const told = `The pictures of the first ${shown.length} of ${test.rounds.length} rounds, not chosen.`;
  if (shown.length === 0) return [];
  return [
    ...(shown.length < test.rounds.length ? [{ kind: 'text' as const, text: told }] : []),
    {
      kind: 'images',
      columns: models.map(({ title }) => title),
      rows: await Promise.all(
        shown.map(async (round) => {
          const { prompt, seed, images } = round;
          const [a, b] = betweenOf(round);
          const of = [
            await picture(images.a.file, prompt, said(round, 'a')),
            await picture(images.b.file, prompt, said(round, 'b')),
          ];
          return {
            title: `${prompt} (seed ${seed})`,
            images: models.map((_, place) => (place === a ? of[0]! : place === b ? of[1]! : null)),
          };
        }),
      ),
    },
  ];
}

/** What judges say, with what they do not read of prompts. */
async function judgedBlocks(judged: JudgedComparison): Promise<Report['sections']> {
  const { judgedSections } = await import('../../evaluation/judgedReport.ts');
  const { judgeLost } = useStudio.getState();
  const cuts = judged.judged.flatMap(({ place, judge }): ReportBlock[] => {
    const cut = [...new Set(judged.items.map(({ prompt }) => prompt))].filter((prompt) =>
      judgeLost[place]?.get(prompt),
    );
    return cut.length === 0
      ? []
      : [
          {
            kind: 'text',
            text: `${judge.title} reads only the beginning of ${cut.length} of the prompts, which are too long for it: ${cut
              .slice(0, 5)
              .map((prompt) => `“${prompt.slice(0, 60)}” without “${judgeLost[place]!.get(prompt)}”`)
              .join('; ')}${cut.length > 5 ? ', and others' : ''}.`,
          },
        ];
  });
  const [first, ...others] = judgedSections({ ...judged, names: comparedNamesIn(english, useStudio.getState()) });
  return [{ title: `Judged: ${first!.title}`, blocks: [...first!.blocks, ...cuts] }, ...others];
}

/** The run that is compared (or just the models), its curves and samples, the comparison, the blind tests. */
export async function exportReport(runId: string | undefined): Promise<TakenFile> {
  const state = useStudio.getState();
  const run = state.runs.find(({ id }) => id === runId);
  const { counts, compareA, compareB, compareOthers } = state;
  if (run) await state.readMetrics(run.id);
  await state.readModelHashes([compareA, compareB, ...compareOthers]);
  const metrics = run ? (useStudio.getState().metrics[run.id] ?? []) : [];
  const store = await files().catch(() => null);
  const picture: ReadPicture = async (file, alt, caption) => {
    try {
      return { png: await readPicture(store, file, siteBase), alt, ...(caption ? { caption } : {}) };
    } catch {
      // A picture deleted since leaves a gap.
      return null;
    }
  };

  const sections: Report['sections'] = [];
  const tests = state.blindTests.filter(
    (test) =>
      // No verdict before its end.
      !isUnfinished(test) &&
      (!run ||
        modelsOf(test).some(({ model }) =>
          model.adapters.some((adapter) => adapter.kind === 'run' && adapter.run === run.id),
        )),
  );
  let left = MOST_ROUNDS;
  for (const [i, test] of tests.entries()) {
    sections.push({
      title: tests.length > 1 ? `Blind test ${i + 1} of ${tests.length}` : 'Blind test',
      blocks: [...blindBlocks(test), ...(await roundPictures(test, left, picture))],
    });
    left -= Math.min(left, test.rounds.length);
  }

  const judged = judgedComparison(useStudio.getState());
  if (judged) sections.push(...(await judgedBlocks(judged)));

  const rows: { title: string; images: (ReportImage | null)[] }[] = [];
  const [decides] = judged?.judged ?? [];
  const scale = decides?.judge.scales[0];
  for (const { prompt, seed, images } of comparedCells(useStudio.getState()))
    rows.push({
      title: `${prompt} (seed ${seed})`,
      images: await Promise.all(
        images.map(({ id, file }) => {
          const score = decides && scale && state.comparedScores[decides.place]?.[id]?.[scale.name];
          return picture(
            file,
            prompt,
            score === undefined ? undefined : `${scale!.title.toLowerCase()} ${score.toFixed(3)}`,
          );
        }),
      ),
    });
  if (rows.length)
    sections.push({
      title: 'Side by side',
      blocks: [{ kind: 'images', columns: comparedNamesIn(english, useStudio.getState()), rows }],
    });

  if (run) {
    const { because: nothingHeldOut } = heldOutOf(run.pairs, run.config);
    const verdictOfRun = runVerdict({ run, nothingHeldOut, selfAgreement: ownSelfAgreement(state) });
    const steps = [...new Set(run.samples.map((sample) => sample.step))].sort((a, b) => a - b);
    const kept = gridModels(run).length;
    sections.push({
      title: 'The run',
      blocks: [
        ...verdictOfRun.map(({ text }): ReportBlock => ({ kind: 'text', text })),
        {
          kind: 'figures',
          figures: [
            { name: 'Steps', value: `${run.step} of ${run.config.steps}` },
            { name: 'Pairs', value: String(run.pairs.length), note: `of ${counts.labels} labels now` },
            { name: 'Learns', value: run.config.mode === 'lora' ? `LoRA, rank ${run.config.rank}` : 'every weight' },
            {
              name: 'Reference',
              value: run.reference === 'engine' ? 'own kernels' : 'onnxruntime',
              note:
                run.step0Logit === null
                  ? ''
                  : `largest logit at step 0: ${run.step0Logit === 0 ? '0 exactly' : run.step0Logit.toExponential(1)}`,
            },
            { name: 'Checkpoints', value: String(kept - 1) },
          ],
        },
        {
          kind: 'lines',
          title: 'Loss',
          xLabel: 'step',
          mark: { value: Math.LN2, label: 'ln 2' },
          series: [{ label: 'loss', points: metrics.map((one) => ({ x: one.step, y: one.loss })) }],
        },
        {
          kind: 'lines',
          title: 'Implicit accuracy',
          xLabel: 'step',
          mark: { value: 0.5, label: 'chance' },
          series: [{ label: 'accuracy', points: metrics.map((one) => ({ x: one.step, y: one.implicitAccuracy })) }],
        },
        ...lookBlocks(run.looks),
        {
          kind: 'lines',
          title: 'Error against the reference',
          xLabel: 'step',
          mark: { value: 0, label: 'the reference' },
          series: [
            {
              label: 'winner',
              points: metrics.map((one) => ({ x: one.step, y: one.winnerError - one.winnerReferenceError })),
            },
            {
              label: 'loser',
              points: metrics.map((one) => ({ x: one.step, y: one.loserError - one.loserReferenceError })),
            },
          ],
        },
      ],
    });
    const sampleRows = [...new Map(run.samples.map((sample) => [`${sample.prompt} ${sample.seed}`, sample])).values()];
    if (sampleRows.length) {
      sections.push({
        title: 'Samples while it trained',
        blocks: [
          {
            kind: 'images',
            columns: steps.map((step) => (step === 0 ? 'base' : `step ${step}`)),
            rows: await Promise.all(
              sampleRows.map(async ({ prompt, seed }) => ({
                title: `${prompt} (seed ${seed})`,
                images: await Promise.all(
                  steps.map((step) => {
                    const sample = run.samples.find(
                      (one) => one.step === step && one.prompt === prompt && one.seed === seed,
                    );
                    return sample ? picture(sample.file, prompt) : null;
                  }),
                ),
              })),
            ),
          },
        ],
      });
    }
    sections.push({ title: 'Settings', blocks: [{ kind: 'code', text: JSON.stringify(run.config, null, 2) }] });
  }
  sections.push({
    title: 'Labels',
    blocks: ratersBlocks(ratersFigures(state.labels), (by) => raterTitleIn(english, by)),
  });
  const title = run ? run.name : 'Comparison';
  const { reportHtml } = await import('../../evaluation/report.ts');
  return {
    name: `winnow-report-${title}.html`,
    bytes: reportHtml({
      title,
      subtitle: `Winnow, ${new Date().toLocaleString()}. Made in one browser tab, on one computer.`,
      sections,
    }),
    type: 'text/html',
  };
}
