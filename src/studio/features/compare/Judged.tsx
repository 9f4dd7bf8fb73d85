/** Judges on what is compared: who is asked, and what they say in figures. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useMemo } from 'react';
import { FEW_GROUPS, type Interval } from '../../../evaluation/bootstrap.ts';
import type { DiversityFigures } from '../../../evaluation/diversity.ts';
import { percent, promptsOf, sign } from '../../../evaluation/figureWords.ts';
import { Button } from '../../components/Button.tsx';
import { NumberField, Switch } from '../../components/Fields.tsx';
import { JudgeCuts } from '../../components/JudgeCuts.tsx';
import { Disclosure } from '../../components/Disclosure.tsx';
import { Progress } from '../../components/Progress.tsx';
import { Panel } from '../../components/Surface.tsx';
import { comparedCells } from '../../store/compareSelectors.ts';
import { comparingJudges, unjudgedPictures } from '../../store/comparedScoresSlice.ts';
import { type JudgedComparison, judgedComparison, labelledByJudges } from '../../store/judgedComparison.ts';
import { knownJudges } from '../../store/judgesSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './compare.module.css';
import { said, within } from '../../languages/language.ts';

export function Judged() {
  const known = useStudio(knownJudges);
  const judges = useStudio(comparingJudges);
  const cells = useStudio(comparedCells);
  const missing = useStudio(unjudgedPictures);
  const progress = useStudio((s) => s.comparedJudging);
  const ready = useStudio((s) => s.engineState === 'ready');
  const found = useStudio(judgedComparison);
  const { judgeComparison, stopJudgingComparison } = useStudio.getState();
  const prompts = useMemo(() => [...new Set(cells.map(({ prompt }) => prompt))], [cells]);
  if (known.length === 0) return null;
  const { title, done, total } = progress ?? { title: '', done: 0, total: 1 };
  return (
    <Panel title={t`Judges`}>
      <div className="stack">
        <Disclosure label={judges.length > 0 ? judges.map(({ info }) => info.title).join(', ') : t`Nobody judges`}>
          <ChooseJudges />
        </Disclosure>
        {judges.map((judge) => (
          <JudgeCuts key={judge.place} judge={judge} prompts={prompts} />
        ))}
        {progress ? (
          <>
            <Progress label={t`Judges at work`} value={done / total} />
            <div className="row">
              <span className="small number" role="status">
                {t`${title}: ${done} of ${plural(total, { one: `${total} picture`, other: `${total} pictures` })}`}
              </span>
              <Button icon="close" onClick={stopJudgingComparison}>
                <Trans>Stop</Trans>
              </Button>
            </div>
          </>
        ) : cells.length === 0 ? (
          <p className="small dim">
            <Trans>They judge pictures that every model has of a prompt and a seed: make them first.</Trans>
          </p>
        ) : (
          <div className="row">
            <Button icon="eye" disabled={!ready || missing === 0} onClick={judgeComparison}>
              {judges.length === 0
                ? t`Choose a judge`
                : missing === 0
                  ? t`All is judged`
                  : t`Have ${plural(missing, { one: `${missing} picture`, other: `${missing} pictures` })} judged`}
            </Button>
          </div>
        )}
        {found ? <Figures found={found} /> : null}
      </div>
    </Panel>
  );
}

function ChooseJudges() {
  const known = useStudio(knownJudges);
  const chosen = useStudio(comparingJudges);
  const labelled = useStudio(labelledByJudges);
  const tieMargin = useStudio((s) => s.compareTieMargin);
  const { chooseCompareJudges, setCompareTieMargin } = useStudio.getState();
  const first = chosen[0]?.info.title;
  return (
    <div className="stack">
      {known.map((judge) => (
        <Switch
          key={judge.place}
          label={judge.info.title}
          hint={[...labelled[judge.place]!, said(judge.info.about.weakness)].join(' ')}
          checked={chosen.includes(judge)}
          onChange={(on) =>
            chooseCompareJudges(
              known.filter((one) => (one === judge ? on : chosen.includes(one))).map(({ place }) => place),
            )
          }
        />
      ))}
      {first ? (
        <NumberField
          label={t`Tie margin`}
          hint={t`Scores of ${first} no further apart than this are a tie.`}
          value={tieMargin}
          onChange={setCompareTieMargin}
          min={0}
          step={0.1}
          digits={3}
        />
      ) : null}
      <p className="small dim">
        <Trans>
          More come in on the <a href="#/models">Models</a> screen.
        </Trans>
      </p>
    </div>
  );
}

const fromTo = (low: string, high: string): string => t`${low} to ${high}`;
const between = ([low, high]: Interval): string => fromTo(low.toFixed(3), high.toFixed(3));
const range = ([low, high]: readonly [number, number]): string => fromTo(percent(low), percent(high));

const Between = ({ interval }: { interval: Interval | null }) =>
  interval ? <span className={`small dim ${styles.interval}`}>{between(interval)}</span> : null;

/** What the distances of the table are. */
const distanceIn = ({ by }: DiversityFigures): string =>
  by === null
    ? t`The distance is the root mean square of pixels in [0, 1], pictures shrunk to 32 by 32.`
    : t`The distance is 1 less the cosine of two pictures’ embeddings by ${by}.`;

function shareOfFirst(value: number): string {
  const share = percent(value);
  return t`${share} of the first`;
}

const tiesOf = (count: number): string => t`${plural(count, { one: `${count} tie`, other: `${count} ties` })}`;

/** A row a model, of every scale of every judge. */
function Figures({ found }: { found: JudgedComparison }) {
  const { names, items, judged, diversity } = found;
  const [pictures, prompts] = [items.length, promptsOf(found)];
  return (
    <>
      <div className={styles.figuresScroll}>
        <table className={styles.figures}>
          <caption className="small dim">
            {t`${plural(pictures, { one: `${pictures} picture`, other: `${pictures} pictures` })} of each model over ${plural(prompts, { one: `${prompts} prompt`, other: `${prompts} prompts` })}, gains and wins over the first.`}{' '}
            {prompts < FEW_GROUPS
              ? t`95 % intervals over so few prompts are too narrow.`
              : t`95 % intervals, drawn over prompts.`}
          </caption>
          <thead>
            <tr>
              <th scope="col">
                <Trans>Model</Trans>
              </th>
              <th scope="col">
                <Trans comment="the average">Mean</Trans>
              </th>
              <th scope="col">
                <Trans>Median</Trans>
              </th>
              <th scope="col">
                <Trans comment="the mean less that of the first model">Gain</Trans>
              </th>
              <th scope="col">
                <Trans comment="the gain in standard deviations of the first model’s scores">
                  In deviations of the first
                </Trans>
              </th>
              <th scope="col">
                <Trans comment="a share: how often its picture scores higher">Wins</Trans>
              </th>
            </tr>
          </thead>
          {judged.map(({ judge, labelled, figures }) =>
            judge.scales.map((scale) => (
              <tbody key={`${judge.name} ${judge.from} ${scale.name}`}>
                <tr>
                  <th scope="rowgroup" colSpan={6} className={styles.scale}>
                    {judge.title}: {within(said(scale.title))}
                    {labelled.length > 0 ? <span className="small dim"> {labelled.join(' ')}</span> : null}
                  </th>
                </tr>
                {names.map((name, model) => {
                  const { spreads, comparisons } = figures[scale.name]!;
                  const spread = spreads[model]!;
                  const over = comparisons.find(({ a, b }) => a === 0 && b === model);
                  return (
                    <tr key={name} className="number">
                      <th scope="row">{name}</th>
                      <td>
                        {spread.mean.toFixed(3)} <Between interval={spread.meanInterval} />
                      </td>
                      <td>
                        {spread.median.toFixed(3)} <Between interval={spread.medianInterval} />
                      </td>
                      {over ? (
                        <>
                          <td>
                            {sign(over.gain.mean)} <Between interval={over.gain.meanInterval} />
                          </td>
                          <td>
                            {over.deviations ? sign(over.deviations.gain) : '–'}{' '}
                            <Between interval={over.deviations?.interval ?? null} />
                          </td>
                          <td>
                            {Number.isNaN(over.rate.rate) ? '–' : percent(over.rate.rate)}{' '}
                            <span className={`small dim ${styles.interval}`}>{range(over.rate.interval)}</span>{' '}
                            {over.rate.ties > 0 ? <span className="small dim">{tiesOf(over.rate.ties)}</span> : null}
                          </td>
                        </>
                      ) : (
                        <td colSpan={3} />
                      )}
                    </tr>
                  );
                })}
              </tbody>
            )),
          )}
          {diversity ? (
            <tbody>
              <tr>
                <th scope="rowgroup" colSpan={6} className={styles.scale}>
                  <Trans>Diversity: distance between two seeds of a prompt</Trans>
                </th>
              </tr>
              {diversity.models.map(({ distance, interval, share }, model) => (
                <tr key={names[model]} className="number">
                  <th scope="row">{names[model]}</th>
                  <td colSpan={2}>
                    {distance.toFixed(4)} <Between interval={interval} />
                  </td>
                  <td colSpan={3}>
                    {share ? (
                      <>
                        {shareOfFirst(share.value)}{' '}
                        <span className={`small dim ${styles.interval}`}>
                          {share.interval ? range(share.interval) : ''}
                        </span>
                      </>
                    ) : null}
                  </td>
                </tr>
              ))}
            </tbody>
          ) : null}
        </table>
      </div>
      {diversity ? <p className="small dim">{distanceIn(diversity)}</p> : null}
      {strengthsOf(found).map(({ judge, strengths }) => (
        <p key={judge} className="small number">
          {t`${judge}, all on one scale (Bradley-Terry, log odds over the first):`}{' '}
          {strengths
            .map(
              ({ strength, interval }, i) =>
                `${names[i]!.split(' ')[0]} ${strength.toFixed(2)}${interval ? ` (${between(interval)})` : ''}`,
            )
            .join(', ')}
        </p>
      ))}
    </>
  );
}

const strengthsOf = ({ judged }: JudgedComparison) =>
  judged.flatMap(({ judge, figures }) => {
    const { strengths } = figures[judge.scales[0]!.name]!;
    return strengths ? [{ judge: judge.title, strengths }] : [];
  });
