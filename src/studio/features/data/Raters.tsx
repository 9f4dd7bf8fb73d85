/** Who labelled, how far they agree with one another and with themselves, and who judges here. */
import { useState } from 'react';
import { agreementTitles, printAgreement, printShareOf } from '../../../evaluation/raters.ts';
import { acceptOf } from '../../../data/importers/table.ts';
import { Button, FileButton, IconButton } from '../../components/Button.tsx';
import { Select, TextField } from '../../components/Fields.tsx';
import { addLabelFile } from '../../components/labelFile.ts';
import { raterColour } from '../../components/raterColour.ts';
import { attempt } from '../../components/toast.ts';
import { Disclosure, Panel } from '../../components/Surface.tsx';
import { plural } from '../../components/words.ts';
import { raters as figuresOf } from '../../store/labelSelectors.ts';
import { raterColours } from '../../store/persisted.ts';
import { currentRater, type Profile, profiles, raterTitle } from '../../store/ratersSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './data.module.css';

/** Of more there is a line that says so. */
const SHOWN = 30;

export function Raters() {
  const { raters, merged, disputed, agreement, pairwise } = useStudio(figuresOf);
  const known = useStudio(profiles);
  const colourOf = (by: string): Profile | undefined => known.find((one) => one.by === by);
  return (
    <Panel title="Raters">
      <div className="stack">
        {raters.length > 0 ? (
          <div className={styles.scroll} tabIndex={0} role="region" aria-label="What each rater said">
            <table className={styles.table}>
              <thead>
                <tr>
                  <th scope="col">Rater</th>
                  {['Labels', 'Usable', 'Ties', 'Both bad', 'Skipped'].map((title) => (
                    <th key={title} scope="col" className={styles.figure}>
                      {title}
                    </th>
                  ))}
                  {['Left chosen', 'Agrees with itself'].map((title) => (
                    <th key={title} scope="col" className={styles.share}>
                      {title}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {raters.slice(0, SHOWN).map((one) => (
                  <tr key={one.by}>
                    <th scope="row">
                      <Dot of={colourOf(one.by)} /> {raterTitle(one.by)}
                    </th>
                    {[one.labels, one.usable, one.tie, one.bothBad, one.skip].map((count, i) => (
                      // oxlint-disable-next-line react/no-array-index-key -- columns
                      <td key={i} className={`number ${styles.figure}`}>
                        {count}
                      </td>
                    ))}
                    <td className={`number ${styles.share}`}>{printShareOf(one.leftShare)}</td>
                    <td className={`number ${styles.share}`}>
                      {one.self.n ? `${printShareOf(one.self)} of ${one.self.n}` : 'not yet'}
                    </td>
                  </tr>
                ))}
                {raters.length > 1 ? (
                  <tr>
                    <th scope="row">Together</th>
                    {[merged.labels, merged.usable, merged.tie, merged.bothBad, merged.skip].map((count, i) => (
                      // oxlint-disable-next-line react/no-array-index-key -- columns
                      <td key={i} className={`number ${styles.figure}`}>
                        {count}
                      </td>
                    ))}
                    <td />
                    <td />
                  </tr>
                ) : null}
              </tbody>
            </table>
          </div>
        ) : (
          <p className="small dim">Nobody has labelled anything yet.</p>
        )}
        {raters.length > SHOWN ? <p className="small dim">And {raters.length - SHOWN} more.</p> : null}
        {agreement && agreement.units > 0 ? (
          <p>
            <strong>
              {agreementTitles[agreement.statistic]} <span className="number">{printAgreement(agreement)}</span>
            </strong>{' '}
            <span className="small dim">
              over {plural(agreement.units, 'pair')} that several judged; on {disputed} they do not say the same. 1 is
              agreement, 0 is what chance would give.
            </span>
          </p>
        ) : null}
        {pairwise.length > 1 ? (
          <Disclosure label="Every two of them">
            <table className={styles.table}>
              <thead>
                <tr>
                  <th scope="col">Two raters</th>
                  <th scope="col">Cohen’s kappa</th>
                  <th scope="col" className={styles.figure}>
                    Pairs
                  </th>
                </tr>
              </thead>
              <tbody>
                {pairwise.map((one) => (
                  <tr key={`${one.a} ${one.b}`}>
                    <th scope="row">
                      {raterTitle(one.a)}, {raterTitle(one.b)}
                    </th>
                    <td className="number">{printAgreement(one)}</td>
                    <td className={`number ${styles.figure}`}>{one.units}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Disclosure>
        ) : null}
        <p className="small dim">
          What trains is what the labels of a pair come to: people before what came with the data, and that before
          judges; of several the answer that more than half of them give, else a tie. Shares are with their 95 %
          intervals. Some pairs are shown again, sides turned, to see how far a rater agrees with themselves: about 8 of
          100, after at least 20 others; they train nothing.
        </p>
        <Profiles />
      </div>
    </Panel>
  );
}

const Dot = ({ of }: { of: Profile | undefined }) =>
  of ? <i className={styles.dot} style={{ background: raterColour(of) }} aria-hidden="true" /> : null;

function Profiles() {
  const all = useStudio(profiles);
  const current = useStudio((s) => currentRater(s).by);
  const { setRater, addRater, removeRater, setRaterColour } = useStudio.getState();
  const [name, setName] = useState('');
  const add = (): void => {
    addRater(name);
    setName('');
  };
  return (
    <div className="stack">
      <h3 className={styles.sub}>Who judges here</h3>
      <ul className={styles.profiles}>
        {all.map((one) => (
          <li key={one.by}>
            <Button
              pressed={one.by === current}
              look={one.by === current ? 'primary' : 'normal'}
              onClick={() => setRater(one.by)}
            >
              {one.name}
              {one.by === current ? ' judges now' : ''}
            </Button>
            <Dot of={one} />
            {one.by === all[0]!.by ? null : (
              <>
                <div className={styles.colour}>
                  <Select
                    label={`Colour of ${one.name}`}
                    value={one.colour}
                    onChange={(colour) => setRaterColour(one.by, colour)}
                    options={raterColours.map((value) => ({ value, label: value }))}
                  />
                </div>
                <IconButton
                  icon="remove"
                  label={`Remove ${one.name}; the labels stay`}
                  onClick={() => removeRater(one.by)}
                />
              </>
            )}
          </li>
        ))}
      </ul>
      <form
        className={styles.add}
        onSubmit={(event) => {
          event.preventDefault();
          attempt(add);
        }}
      >
        <TextField label="Another person" value={name} onChange={setName} placeholder="a name" />
        <Button icon="person" disabled={!name.trim()} onClick={add}>
          Add
        </Button>
      </form>
      <div className="row">
        <FileButton accept={acceptOf('labels')} onFile={addLabelFile}>
          Labels from a file
        </FileButton>
        <span className="small dim">Somebody’s answers to these pairs, as JSONL.</span>
      </div>
      {all.length > 1 ? <p className="small dim">On the Label screen R goes to the next one.</p> : null}
    </div>
  );
}
