/** Everything that has a good default. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { readBlob } from '../../../data/formats/bytes.ts';
import { Button } from '../../components/Button.tsx';
import { FileButton } from '../../components/FileButton.tsx';
import { NumberField, Segmented, Select, Switch } from '../../components/Fields.tsx';
import { Disclosure } from '../../components/Disclosure.tsx';
import { samplerOptions, samplerReads } from '../../../diffusion/samplers/options.ts';
import { samplerNames, samplers, substitution } from '../../../diffusion/samplers/table.ts';
import { acceptOf } from '../../../data/importers/table.ts';
import { isGuided } from '../../store/generateSelectors.ts';
import { printSize } from '../../components/words.ts';
import { chosenModel } from '../../store/models.ts';
import { useDraft } from '../../store/useDraft.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './generate.module.css';
import { said } from '../../languages/language.ts';

export function MoreSettings() {
  const { init, ...draft } = useDraft(
    'steps',
    'guidanceScale',
    'guidanceRescale',
    'width',
    'height',
    'scheduler',
    'eta',
    'karras',
    'sampler',
    'init',
  );
  const multiple = useStudio((s) => chosenModel(s)?.sizeMultiple ?? 8);
  const guided = useStudio((s) => isGuided(s.draft, chosenModel(s)));
  const hint = useStudio((s) =>
    chosenModel(s)?.guidanceInput ? t`This model reads no negative prompt.` : t`1 is none: no negative prompt is read.`,
  );
  const model = useStudio(chosenModel);
  const modelSize = model?.defaultSize ?? { width: draft.width, height: draft.height };
  const size = printSize(modelSize);
  const chosen = useStudio((s) => s.system?.choices.sampler);
  const { setDraft, resetSettings, setInitImage } = useStudio.getState();
  const largest = Math.max(1024, 2 * modelSize.width, 2 * modelSize.height);
  const round = (size: number): number => Math.max(multiple, Math.round(size / multiple) * multiple);
  const madeBy = t({ message: 'Made by', comment: 'a choice: which kernels make the pictures' });
  return (
    <Disclosure label={t({ message: 'More', comment: 'opens more settings' })}>
      <div className={styles.more}>
        <NumberField label={t`Steps`} value={draft.steps} min={1} max={200} onChange={(steps) => setDraft({ steps })} />
        <NumberField
          label={t`Guidance`}
          {...(!guided && { hint })}
          value={draft.guidanceScale}
          min={0}
          max={30}
          step={0.5}
          digits={2}
          onChange={(guidanceScale) => setDraft({ guidanceScale })}
        />
        <NumberField
          label={t`Width`}
          value={draft.width}
          min={multiple}
          max={largest}
          step={multiple}
          onChange={(width) => setDraft({ width: round(width) })}
        />
        <NumberField
          label={t`Height`}
          value={draft.height}
          min={multiple}
          max={largest}
          step={multiple}
          onChange={(height) => setDraft({ height: round(height) })}
        />
        {draft.width !== modelSize.width || draft.height !== modelSize.height ? (
          <p className={`small dim ${styles.wide}`}>
            <Trans>
              The model was made for {size}; other sizes look less sure. Pairs of another size cannot train together.
            </Trans>
          </p>
        ) : null}
        <div className={styles.wide}>
          <Select
            label={t`Sampler`}
            hint={(model && substitution(model.scheduler)) ?? undefined}
            value={draft.scheduler}
            onChange={(scheduler) => setDraft({ scheduler })}
            options={samplerNames.map((value) => ({ value: value as string, label: samplers[value].title }))}
          />
        </div>
        {samplerReads(draft.scheduler, 'eta') ? (
          <div className={styles.wide}>
            <NumberField
              label={said(samplerOptions.eta.title)}
              hint={said(samplerOptions.eta.hint)}
              value={draft.eta}
              min={samplerOptions.eta.min}
              max={samplerOptions.eta.max}
              step={samplerOptions.eta.step}
              digits={samplerOptions.eta.digits}
              onChange={(eta) => setDraft({ eta })}
            />
          </div>
        ) : null}
        {samplerReads(draft.scheduler, 'karras') ? (
          <div className={styles.wide}>
            <Switch
              label={said(samplerOptions.karras.title)}
              checked={draft.karras}
              onChange={(karras) => setDraft({ karras })}
            />
          </div>
        ) : null}
        {guided ? (
          <div className={styles.wide}>
            <NumberField
              label={t`Guidance rescale`}
              hint={t`0 is off; 0.7 helps v-prediction models that come out too bright or too dark.`}
              value={draft.guidanceRescale}
              min={0}
              max={1}
              step={0.05}
              digits={2}
              onChange={(guidanceRescale) => setDraft({ guidanceRescale })}
            />
          </div>
        ) : null}
        <div className={styles.wide}>
          <span className="fieldLabel">{madeBy}</span>
          <Segmented
            label={madeBy}
            full
            value={draft.sampler}
            onChange={(sampler) => setDraft({ sampler })}
            options={[
              { value: 'auto', label: t`Fastest` },
              { value: 'engine', label: t`Our kernels` },
              { value: 'onnx', label: 'onnxruntime' },
            ]}
          />
          {chosen ? (
            <p className="small dim">
              {chosen === 'engine' ? (
                <Trans>Fastest here, measured: our kernels.</Trans>
              ) : chosen === 'onnx-webgpu' ? (
                <Trans>Fastest here, measured: onnxruntime on WebGPU.</Trans>
              ) : (
                <Trans>Fastest here, measured: onnxruntime on the CPU.</Trans>
              )}
            </p>
          ) : null}
        </div>
        {init ? null : (
          <div className={styles.wide}>
            <FileButton
              accept={acceptOf('image')}
              icon="sample"
              onFile={async (file) => setInitImage(file.name, await readBlob(file))}
            >
              <Trans>Start from an image</Trans>
            </FileButton>
          </div>
        )}
        <div className={styles.wide}>
          <Button look="quiet" icon="refresh" onClick={resetSettings}>
            <Trans>Back to the defaults</Trans>
          </Button>
        </div>
      </div>
    </Disclosure>
  );
}
