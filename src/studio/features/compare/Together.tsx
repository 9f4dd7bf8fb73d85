/** One prompt, several pictures at once: of every model that is compared; of two models alone, of this seed and the next. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { Picture } from '../../components/Picture.tsx';
import { ScaleSwitch } from '../../components/ScaleSwitch.tsx';
import { picturesTogether } from '../../store/compareSelectors.ts';
import { modelNames, titleOf } from '../../store/models.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './compare.module.css';
import { NothingMade } from './NothingMade.tsx';
import { PromptTurn } from './PromptTurn.tsx';

export function Together() {
  const pictures = useStudio(picturesTogether);
  const names = useStudio(modelNames);
  const seed = useStudio((s) => s.compareSeeds[s.comparePosition.seed]);
  return (
    <div className="stack">
      <PromptTurn className={styles.where}>
        <span className="dim number">
          <Trans>seed {seed}</Trans>
        </span>
      </PromptTurn>
      {pictures.some(({ image }) => image) ? (
        <>
          <div className={styles.together}>
            {pictures.map(({ side, model, seed: own, image }) => {
              const title = titleOf(model, names);
              return (
                <figure key={`${side} ${own}`}>
                  <Picture
                    file={image?.file}
                    alt={t`${side}: ${title}, seed ${own}`}
                    ratio={image ? image.width / image.height : 1}
                  />
                  <figcaption className={styles.sideName}>
                    <b>{side}</b> {title} <span className="dim number">{own === seed ? '' : t`seed ${own}`}</span>
                  </figcaption>
                </figure>
              );
            })}
          </div>
          <div className={styles.below}>
            <ScaleSwitch />
          </div>
        </>
      ) : (
        <div className={styles.nothing}>
          <NothingMade />
        </div>
      )}
    </div>
  );
}
