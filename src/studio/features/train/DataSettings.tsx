/** Which labels count and how much, and how pictures from elsewhere become what the model trains on: shown where there is a choice. */
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, t } from '@lingui/core/macro';
import { type RaterKind, raterKinds } from '../../../records/raters.ts';
import { fits } from '../../../shared/fit.ts';
import { NumberField, Select } from '../../components/Fields.tsx';
import { labelledKinds, picturesOf } from '../../store/labelSelectors.ts';
import { useStudio } from '../../store/useStudio.ts';

const kindWords: Record<RaterKind, MessageDescriptor> = {
  person: msg`Labels by people`,
  import: msg`Labels that came with data`,
  judge: msg`Labels by judges`,
};

/** Nothing where all labels are of one kind and count once. */
export function RepeatFields() {
  const repeats = useStudio((s) => s.trainConfig.repeats);
  const kinds = useStudio(labelledKinds);
  const { setTrainConfig: set } = useStudio.getState();
  if (kinds.length < 2 && raterKinds.every((kind) => repeats[kind] === 1)) return null;
  return raterKinds
    .filter((kind) => kinds.includes(kind) || repeats[kind] !== 1)
    .map((kind) => (
      <NumberField
        key={kind}
        label={i18n._(kindWords[kind])}
        hint={t`Times an epoch; 0 leaves them out.`}
        value={repeats[kind]}
        min={0}
        max={1000}
        onChange={(often) => set({ repeats: { ...repeats, [kind]: often } })}
      />
    ));
}

const fitWords: Record<(typeof fits)[number], MessageDescriptor> = {
  crop: msg`Cut to the middle`,
  pad: msg`Whole, with black around`,
  stretch: msg`Stretched`,
};

/** Nothing where no picture is from elsewhere. */
export function PictureFields() {
  const { size, fit, posterior } = useStudio((s) => s.trainConfig);
  const hasForeign = useStudio((s) => picturesOf(s).some(({ pictures }) => pictures.some(({ foreign }) => foreign)));
  const { setTrainConfig: set } = useStudio.getState();
  if (!hasForeign) return null;
  const [width, height] = size ?? [null, null];
  return (
    <>
      <Select
        label={t`Size of brought pictures`}
        hint={t`The model's own pixels, in each picture's shape; or one size for all.`}
        value={size ? 'one' : 'shape'}
        onChange={(which) => set({ size: which === 'one' ? [512, 512] : null })}
        options={[
          { value: 'shape', label: t`By their shape` },
          { value: 'one', label: t`One size` },
        ]}
      />
      {width !== null && height !== null ? (
        <>
          <NumberField
            label={t`Width`}
            value={width}
            min={8}
            max={8192}
            step={8}
            onChange={(w) => set({ size: [w, height] })}
          />
          <NumberField
            label={t`Height`}
            value={height}
            min={8}
            max={8192}
            step={8}
            onChange={(h) => set({ size: [width, h] })}
          />
        </>
      ) : null}
      <Select
        label={t`How they are fitted`}
        value={fit}
        onChange={(how) => set({ fit: how })}
        options={fits.map((value) => ({ value, label: i18n._(fitWords[value]) }))}
      />
      <Select
        label={t`Their latents`}
        hint={t`The autoencoder is not sure of them: a fresh draw at each use, or its best guess.`}
        value={posterior}
        onChange={(how) => set({ posterior: how })}
        options={[
          { value: 'sample', label: t`Drawn each time` },
          { value: 'mean', label: t`Best guess` },
        ]}
      />
    </>
  );
}
