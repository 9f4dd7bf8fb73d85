/** Judges on what is compared: who is asked, and what they say in figures. */
import { useMemo } from 'react';
import { FEW_GROUPS, type Interval } from '../../../evaluation/bootstrap.ts';
import { between, distanceWords, percent, promptsOf, range, sign } from '../../../evaluation/figureWords.ts';
import { Button } from '../../components/Button.tsx';
import { Switch } from '../../components/Fields.tsx';
import { JudgeCuts } from '../../components/JudgeCuts.tsx';
import { Disclosure, Panel, Progress } from '../../components/Surface.tsx';
import { plural } from '../../components/words.ts';
import { comparedCells } from '../../store/compareSelectors.ts';
import { comparingJudges, unjudgedPictures } from '../../store/comparedScoresSlice.ts';
import { type JudgedComparison, judgedComparison, labelledByJudges } from '../../store/judgedComparison.ts';
import { knownJudges } from '../../store/judgesSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './compare.module.css';

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
  return (
    <Panel title="Judges">
      <div className="stack">
        <Disclosure label={judges.length > 0 ? judges.map(({ info }) => info.title).join(', ') : 'Nobody judges'}>
          <ChooseJudges />
        </Disclosure>
        {judges.map((judge) => (
          <JudgeCuts key={judge.place} judge={judge} prompts={prompts} />
        ))}
        {progress ? (
          <>
            <Progress label="Judges at work" value={progress.done / progress.total} />
            <div className="row">
              <span className="small number" role="status">
                {progress.title}: {progress.done} of {plural(progress.total, 'picture')}
              </span>
              <Button icon="close" onClick={stopJudgingComparison}>
                Stop
              </Button>
            </div>
          </>
        ) : cells.length === 0 ? (
          <p className="small dim">They judge pictures that every model has of a prompt and a seed: make them first.</p>
        ) : (
          <div className="row">
            <Button icon="eye" disabled={!ready || missing === 0} onClick={judgeComparison}>
              {judges.length === 0
                ? 'Choose a judge'
                : missing === 0
                  ? 'All is judged'
                  : `Have ${plural(missing, 'picture')} judged`}
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
  const { chooseCompareJudges } = useStudio.getState();
  return (
    <div className="stack">
      {known.map((judge) => (
        <Switch
          key={judge.place}
          label={judge.info.title}
          hint={[...labelled[judge.place]!, judge.info.about.weakness].join(' ')}
          checked={chosen.includes(judge)}
          onChange={(on) =>
            chooseCompareJudges(
              known.filter((one) => (one === judge ? on : chosen.includes(one))).map(({ place }) => place),
            )
          }
        />
      ))}
      <p className="small dim">
        More come in on the <a href="#/models">Models</a> screen.
      </p>
    </div>
  );
}

const Between = ({ interval }: { interval: Interval | null }) =>
  interval ? <span className="small dim">{between(interval)}</span> : null;

/** A row a model, of every scale of every judge. */
function Figures({ found }: { found: JudgedComparison }) {
  const { names, items, judged, diversity } = found;
  const prompts = promptsOf(found);
  return (
    <>
      <div className={styles.figuresScroll}>
        <table className={styles.figures}>
          <caption className="small dim">
            {plural(items.length, 'picture')} of each model over {plural(prompts, 'prompt')}, gains and wins over the
            first.{' '}
            {prompts < FEW_GROUPS
              ? '95 % intervals over so few prompts are too narrow.'
              : '95 % intervals, drawn over prompts.'}
          </caption>
          <thead>
            <tr>
              <th scope="col">Model</th>
              <th scope="col">Mean</th>
              <th scope="col">Median</th>
              <th scope="col">Gain</th>
              <th scope="col">In deviations of the first</th>
              <th scope="col">Wins</th>
            </tr>
          </thead>
          {judged.map(({ judge, labelled, figures }) =>
            judge.scales.map((scale) => (
              <tbody key={`${judge.name} ${judge.from} ${scale.name}`}>
                <tr>
                  <th scope="rowgroup" colSpan={6} className={styles.scale}>
                    {judge.title}: {scale.title.toLowerCase()}
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
                            {percent(over.rate.rate)} <span className="small dim">{range(over.rate.interval)}</span>
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
                  Diversity: distance between two seeds of a prompt
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
                        {percent(share.value)} of the first{' '}
                        <span className="small dim">{share.interval ? range(share.interval) : ''}</span>
                      </>
                    ) : null}
                  </td>
                </tr>
              ))}
            </tbody>
          ) : null}
        </table>
      </div>
      {diversity ? <p className="small dim">{distanceWords(diversity)}</p> : null}
      {strengthsOf(found).map(({ judge, strengths }) => (
        <p key={judge} className="small number">
          {judge}, all on one scale (Bradley-Terry, log odds over the first):{' '}
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
