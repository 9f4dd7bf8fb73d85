/** Image to image: what the picture starts from, and how far it may go. In sight as long as it is on. */
import { t } from '@lingui/core/macro';
import { IconButton } from '../../components/Button.tsx';
import { SliderField } from '../../components/Fields.tsx';
import { Picture } from '../../components/Picture.tsx';
import { useStudio } from '../../store/useStudio.ts';
import styles from './generate.module.css';

export function StartImage() {
  const init = useStudio((s) => s.draft.init);
  const { setDraft } = useStudio.getState();
  if (!init) return null;
  const { name } = init;
  return (
    <div className={styles.init}>
      <div className={styles.initPicture}>
        <Picture file={init.file} alt={t`Start image`} />
      </div>
      <div>
        <div className="spread">
          <strong className="small">{t`Start image: ${name}`}</strong>
          <IconButton icon="close" label={t`Start from noise instead`} onClick={() => setDraft({ init: null })} />
        </div>
        <SliderField
          label={t`Strength`}
          value={init.strength}
          min={0.05}
          max={1}
          step={0.05}
          print={(value) => (value === 1 ? t`1.00: the image is ignored` : value.toFixed(2))}
          onChange={(strength) => setDraft({ init: { ...init, strength } })}
        />
      </div>
    </div>
  );
}
