/** One prompt and seed through A and B: side by side, under a slider, in turn, or as what differs. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useEffect, useRef, useState } from 'react';
import { ReactCompareSlider } from 'react-compare-slider';
import type { ImageRecord } from '../../../service/types.ts';
import { Button, IconButton } from '../../components/Button.tsx';
import { Flicker, HoldButton, PairStage, useHeldKey } from '../../components/PairStage.tsx';
import { Icon } from '../../components/Icon.tsx';
import { isShown, Picture, usePicture } from '../../components/Picture.tsx';
import { ScaleSwitch } from '../../components/ScaleSwitch.tsx';
import { Keys } from '../../components/Shortcuts.tsx';
import { Empty, Notice } from '../../components/Surface.tsx';
import { shownPair } from '../../store/compareSelectors.ts';
import type { CompareView } from '../../store/compareSlice.ts';
import { isTuned, modelNames, strengthOf, titleOf, withStrength } from '../../store/models.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './compare.module.css';
import { differenceOf, HARDLY, type PictureDifference } from './difference.ts';
import { PromptTurn } from './PromptTurn.tsx';
import { NothingMade } from './NothingMade.tsx';

export function TwoImages({ view }: { view: CompareView }) {
  const a = useStudio((s) => s.compareA);
  const b = useStudio((s) => s.compareB);
  const prompt = useStudio((s) => s.comparePrompts[s.comparePosition.prompt]);
  const seed = useStudio((s) => s.compareSeeds[s.comparePosition.seed]);
  const left = useStudio((s) => shownPair(s)?.a);
  const right = useStudio((s) => shownPair(s)?.b);
  const names = useStudio(modelNames);
  const singleKeys = useStudio((s) => s.preferences.singleKeys);
  const [zoomed, setZoomed] = useState(false);
  const [heldButton, setHeldButton] = useState(false);
  const held = useHeldKey('KeyF', singleKeys) || heldButton;

  return (
    <div className="stack">
      <PromptTurn className={styles.where}>
        <span className="dim number">
          <Trans>seed {seed}</Trans>
        </span>
      </PromptTurn>
      {!left || !right || !a || !b ? (
        <div className={styles.nothing}>
          <NothingMade />
        </div>
      ) : held || view === 'flicker' ? (
        <Flicker left={left} right={right} prompt={prompt ?? ''} compact={false} names={['A', 'B']} />
      ) : view === 'slider' ? (
        <SliderView key={`${left.id} ${right.id}`} left={left} right={right} />
      ) : view === 'difference' ? (
        <Difference key={`${left.id} ${right.id}`} left={left} right={right} />
      ) : (
        <PairStage left={left} right={right} prompt={prompt ?? ''} view={{ zoomed, flickering: false }} />
      )}
      {left && right && a && b ? (
        <div className={styles.below}>
          <span className={styles.sideName}>
            <b>A</b> {titleOf(a, names)}
          </span>
          <div className="row">
            <HoldButton label={t`Hold to flicker between A and B`} onHold={setHeldButton}>
              <Icon name="flicker" /> {t({ message: 'Flicker', context: 'a button that is held' })}{' '}
              {singleKeys ? <Keys keys="f" /> : null}
            </HoldButton>
            {view === 'sideBySide' ? (
              <IconButton icon="zoom" label={t`Zoom both images`} pressed={zoomed} onClick={() => setZoomed(!zoomed)} />
            ) : null}
            <ScaleSwitch />
          </div>
          <span className={styles.sideName}>
            <b>B</b> {titleOf(b, names)}
          </span>
        </div>
      ) : null}
      {left && right ? <MoreStrength key={`${left.id} ${right.id}`} left={left} right={right} /> : null}
    </div>
  );
}

function SliderView({ left, right }: { left: ImageRecord; right: ImageRecord }) {
  const [position, setPosition] = useState(50);
  return (
    <div className={styles.single}>
      <div className={styles.singleInner} data-takes-arrows>
        <ReactCompareSlider
          defaultPosition={50}
          onPositionChange={setPosition}
          itemOne={<Picture file={left.file} alt={`A: ${left.prompt}`} ratio={left.width / left.height} />}
          itemTwo={<Picture file={right.file} alt={`B: ${right.prompt}`} ratio={right.width / right.height} />}
          style={{ borderRadius: 10 }}
        />
      </div>
      <span className={styles.stageNote}>{Math.round(position)} % A</span>
    </div>
  );
}

/** |A − B| of two pictures, once both are here; null before, and where they are of two sizes. */
function useDifference(left: ImageRecord | undefined, right: ImageRecord | undefined): PictureDifference | null {
  const urlA = usePicture(left?.file);
  const urlB = usePicture(right?.file);
  const [found, setFound] = useState<{ of: string; difference: PictureDifference | null } | null>(null);
  const of = urlA && urlB && isShown(urlA) && isShown(urlB) ? `${urlA} ${urlB}` : null;
  useEffect(() => {
    if (of === null) return;
    let current = true;
    void Promise.all(of.split(' ').map(pixelsOf)).then(
      ([a, b]) => current && setFound({ of, difference: differenceOf(a!, b!) }),
      // A picture that was let go meanwhile: nothing is measured.
      () => undefined,
    );
    return () => {
      current = false;
    };
  }, [of]);
  return found && found.of === of ? found.difference : null;
}

/** For each channel, four times as strong: black is equal. */
function Difference({ left, right }: { left: ImageRecord; right: ImageRecord }) {
  const inSteps = useStudio((s) => s.preferences.scaling === 'steps');
  const canvas = useRef<HTMLCanvasElement>(null);
  const difference = useDifference(left, right);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!difference || !context) return;
    const { data, width, height } = difference;
    canvas.current!.width = width;
    canvas.current!.height = height;
    context.putImageData(new ImageData(data, width, height), 0, 0);
  }, [difference]);
  const mean = difference?.mean ?? null;
  const share = ((mean ?? 0) * 100).toFixed(1);
  if (left.width !== right.width || left.height !== right.height) {
    const [sizeA, sizeB] = [`${left.width} × ${left.height} px`, `${right.width} × ${right.height} px`];
    return (
      <div className={styles.nothing}>
        <Empty icon="compare" title={t({ message: 'Of two sizes', comment: 'two pictures that cannot be compared' })}>
          {t`A is ${sizeA}, B ${sizeB}: there is nothing to subtract.`}
        </Empty>
      </div>
    );
  }
  return (
    <div className={styles.single}>
      <div className={styles.singleInner}>
        <canvas
          ref={canvas}
          className={styles.canvas}
          style={{ aspectRatio: left.width / left.height, imageRendering: inSteps ? 'pixelated' : 'auto' }}
          role="img"
          aria-label={
            mean === null
              ? t`Difference between A and B: not measured yet`
              : t`Difference between A and B: ${share} % on average`
          }
        />
      </div>
      <span className={styles.stageNote}>
        {mean === null
          ? ''
          : mean === 0
            ? t`the very same pixels`
            : t`${share} % apart on average, shown four times as strong`}
      </span>
    </div>
  );
}

/** Where training shows little, twice of it may show more. */
function MoreStrength({ left, right }: { left: ImageRecord; right: ImageRecord }) {
  const b = useStudio((s) => s.compareB);
  const difference = useDifference(left, right);
  const { setCompare } = useStudio.getState();
  if (!b || !difference || difference.mean >= HARDLY || !isTuned(b) || strengthOf(b) >= 2) return null;
  const share = (difference.mean * 100).toFixed(1);
  return (
    <Notice
      actions={
        <Button onClick={() => setCompare({ compareB: withStrength(b, 2) })}>
          <Trans>B at twice its strength</Trans>
        </Button>
      }
    >
      <Trans>
        These two are hardly apart: {share} % on average. At strength 2, what was learnt shows more; it is not what will
        be taken away.
      </Trans>
    </Notice>
  );
}

async function pixelsOf(url: string): Promise<ImageData> {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext('2d')!;
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}
