import { limits } from '../../shared/limits.ts';
import { count, doNothing, number, prompts, promptsHelp, required } from '../arguments.ts';
import { drawnPairs } from '../drawnPairs.ts';
import { withEngine } from '../engine.ts';
import { outFolder } from '../fileErrors.ts';
import { askedOf, generationOptions, identified, sayCuts, saySampler, settingsOf } from '../generation.ts';
import { labellingJudge } from '../../judges/judge.ts';
import { askedJudge, judgeCalled, scaleOf } from '../judges.ts';
import { parseModelRef } from '../modelRef.ts';
import { claimFolder, pairsFile } from '../records.ts';
import { arithmeticsOf } from '../scoring.ts';
import { badArguments, defineVerb } from '../verb.ts';

export const pairs = defineVerb({
  name: 'pairs',
  summary: 'make pairs of images to be judged: one prompt and two seeds, or one seed through two models',
  positionals: ['MODEL'],
  options: {
    prompt: { kind: 'list', value: 'TEXT', help: 'prompt' },
    prompts: { kind: 'text', value: 'FILE', help: `${promptsHelp}; used in order` },
    count: { kind: 'text', value: 'N', help: 'pairs to make (default: one for each prompt)' },
    seed: { kind: 'text', value: 'N', help: "the images' seeds are drawn from this one", default: '0' },
    against: { kind: 'text', value: 'MODEL', help: 'second model: each pair is one seed through both' },
    'best-of': {
      kind: 'text',
      value: 'K',
      help: 'draw K images for each pair and keep the best and the worst by a judge',
    },
    judge: {
      kind: 'text',
      value: 'NAME|FOLDER|FILE',
      help: "judge for --best-of: one that came with the model, or the path of one's folder or file; `:SCALE` behind it for another than its first scale (default: the model's first)",
      formerly: 'scorer',
    },
    ...generationOptions,
    out: {
      kind: 'text',
      value: 'DIR',
      help: 'folder for images, final latents and pairs.jsonl; the same command goes on where it was stopped',
    },
  },
  example: 'postcard --prompts public/prompts/train.txt --count 100 --out pairs',
  async run([model], values, terminal) {
    const ref = parseModelRef(model!, values['prediction-type']);
    const against = values.against === undefined ? undefined : parseModelRef(values.against, values['prediction-type']);
    const list = await prompts(values);
    const wanted = values.count === undefined ? list.length : count('count', values.count);
    const seed = number('seed', values.seed, { min: 0, max: limits.seed, whole: true });
    const k = values['best-of'] === undefined ? undefined : count('best-of', values['best-of'], { min: 2, max: 256 });
    if (k === undefined) doNothing(values, ['judge'], 'without --best-of');
    if (k !== undefined && against)
      throw badArguments('--best-of and --against were both given.', 'Choose one of them.');
    const named = values.judge === undefined ? undefined : askedJudge(values.judge, 'judge');
    const asked = askedOf(values);
    const out = outFolder(required('out', values.out));
    return withEngine(terminal, { base: ref.base, root: out, matrices: values.matrices }, async (engine) => {
      const [info] = await engine.models();
      saySampler(terminal, info!, values.scheduler);
      // Prompts beyond the count are not used.
      const used = list.slice(0, wanted);
      for (const model of against ? [ref, against] : [ref])
        await sayCuts(engine, terminal, model, [...used, values.negative ?? '']);
      const judge = named?.name ?? labellingJudge(info!.judges)?.name ?? 'a';
      // Refused before a picture is drawn.
      if (k !== undefined) {
        scaleOf(await judgeCalled(engine, judge), named?.scale);
        await arithmeticsOf(engine, [judge], asked.settings.arithmetic ?? 'f32');
      }
      const request = {
        ...(await identified(settingsOf(asked, ref, info!))),
        prompts: list,
        seed,
        ...(against && { against }),
        ...(k !== undefined && { bestOf: { k, judge, ...(named?.scale && { scale: named.scale }) } }),
      };
      claimFolder(
        out,
        {
          ...request,
          modelHash: await engine.modelHash(ref),
          ...(against && { againstHash: await engine.modelHash(against) }),
        },
        [pairsFile(out)],
      );
      const made = await drawnPairs(engine, terminal, pairsFile(out), { ...request, count: wanted });
      return { json: { out, pairs: made }, text: `${made.length} pairs in ${values.out}` };
    });
  },
});
