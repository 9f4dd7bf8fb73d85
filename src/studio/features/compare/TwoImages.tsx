/** One prompt and seed through A and B: side by side, under a slider, in turn, or as what differs. */
import { useEffect, useRef, useState } from 'react';
import { ReactCompareSlider } from 'react-compare-slider';
import type { ImageRecord } from '../../../service/types.ts';
import { IconButton } from '../../components/Button.tsx';
import { Flicker, HoldButton, PairStage, useHeldKey } from '../../components/PairStage.tsx';
import { Icon } from '../../components/Icon.tsx';
import { isShown, Picture, usePicture } from '../../components/Picture.tsx';
import { ScaleSwitch } from '../../components/ScaleSwitch.tsx';
import { Keys } from '../../components/Shortcuts.tsx';
import { Empty } from '../../components/Surface.tsx';
import { shownPair } from '../../store/compareSelectors.ts';
import type { CompareView } from '../../store/compareSlice.ts';
import { modelNames, titleOf } from '../../store/models.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './compare.module.css';
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
        <span className="dim number">seed {seed}</span>
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
            <HoldButton label="Hold to flicker between A and B" onHold={setHeldButton}>
              <Icon name="flicker" /> Flicker {singleKeys ? <Keys keys="f" /> : null}
            </HoldButton>
            {view === 'sideBySide' ? (
              <IconButton icon="zoom" label="Zoom both images" pressed={zoomed} onClick={() => setZoomed(!zoomed)} />
            ) : null}
            <ScaleSwitch />
          </div>
          <span className={styles.sideName}>
            <b>B</b> {titleOf(b, names)}
          </span>
        </div>
      ) : null}
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

/** |A − B| for each channel, four times as strong: black is equal. */
function Difference({ left, right }: { left: ImageRecord; right: ImageRecord }) {
  const urlA = usePicture(left.file);
  const urlB = usePicture(right.file);
  const inSteps = useStudio((s) => s.preferences.scaling === 'steps');
  const canvas = useRef<HTMLCanvasElement>(null);
  const [mean, setMean] = useState<number | null>(null);
  useEffect(() => {
    if (!urlA || !urlB || !isShown(urlA) || !isShown(urlB)) return;
    let current = true;
    void Promise.all([pixelsOf(urlA), pixelsOf(urlB)]).then(
      ([a, b]) => {
        const context = canvas.current?.getContext('2d');
        if (!current || !context || a.data.length !== b.data.length) return;
        const out = new ImageData(a.width, a.height);
        let sum = 0;
        for (let i = 0; i < a.data.length; i += 1) {
          const difference = Math.abs(a.data[i]! - b.data[i]!);
          if (i % 4 !== 3) sum += difference;
          out.data[i] = i % 4 === 3 ? 255 : Math.min(255, 4 * difference);
        }
        canvas.current!.width = a.width;
        canvas.current!.height = a.height;
        context.putImageData(out, 0, 0);
        setMean(sum / (a.data.length * 0.75) / 255);
        // A picture that was let go meanwhile: nothing is measured.
      },
      () => undefined,
    );
    return () => {
      current = false;
    };
  }, [urlA, urlB]);
  if (left.width !== right.width || left.height !== right.height) {
    return (
      <div className={styles.nothing}>
        <Empty icon="compare" title="Of two sizes">
          {`A is ${left.width} × ${left.height} px, B ${right.width} × ${right.height} px: there is nothing to subtract.`}
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
          aria-label={`Difference between A and B: ${mean === null ? 'not measured yet' : `${(mean * 100).toFixed(1)} % on average`}`}
        />
      </div>
      <span className={styles.stageNote}>
        {mean === null
          ? ''
          : mean === 0
            ? 'the very same pixels'
            : `${(mean * 100).toFixed(1)} % apart on average, shown four times as strong`}
      </span>
    </div>
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
