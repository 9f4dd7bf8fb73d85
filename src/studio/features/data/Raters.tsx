/** Who labelled, how far they agree with one another and with themselves, and who judges here. */
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, t } from '@lingui/core/macro';
import { Plural, Trans } from '@lingui/react/macro';
import { useState } from 'react';
import { agreementTitles, printAgreement, printShareOf, type RatersFigures } from '../../../evaluation/raters.ts';
import { acceptOf } from '../../../data/importers/table.ts';
import { Button, IconButton } from '../../components/Button.tsx';
import { FileButton } from '../../components/FileButton.tsx';
import { Select, TextField } from '../../components/Fields.tsx';
import { addLabelFile } from '../../components/labelFile.ts';
import { raterColour } from '../../components/raterColour.ts';
import { attempt } from '../../components/toast.ts';
import { Disclosure } from '../../components/Disclosure.tsx';
import { Panel } from '../../components/Surface.tsx';
import { ratersFigures } from '../../store/ratersFigures.ts';
import { type RaterColour, raterColours } from '../../store/persisted.ts';
import { currentRater, type Profile, profiles, raterTitle } from '../../store/ratersSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './data.module.css';

/** Of more there is a line that says so. */
const SHOWN = 30;

const colourNames: Record<RaterColour, MessageDescriptor> = {
  teal: msg`teal`,
  orange: msg`orange`,
  violet: msg`violet`,
  lime: msg({ message: 'lime', comment: 'a colour' }),
  pink: msg`pink`,
  blue: msg`blue`,
};

export function Raters() {
  const { raters, merged, disputed, agreement, pairwise } = useStudio(ratersFigures);
  const known = useStudio(profiles);
  const unlisted = raters.length - SHOWN;
  const colourOf = (by: string): Profile | undefined => known.find((one) => one.by === by);
  return (
    <Panel title={t`Raters`}>
      <div className="stack">
        {raters.length > 0 ? (
          <div className={styles.scroll} tabIndex={0} role="region" aria-label={t`What each rater said`}>
            <table className={styles.table}>
              <thead>
                <tr>
                  <th scope="col">
                    <Trans>Rater</Trans>
                  </th>
                  {[t`Labels`, t`Usable`, t`Ties`, t`Both bad`, t`Skipped`].map((title) => (
                    <th key={title} scope="col" className={styles.figure}>
                      {title}
                    </th>
                  ))}
                  {[t`Left chosen`, t`Agrees with itself`].map((title) => (
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
                    <td className={`number ${styles.share}`}>{printSelf(one.self)}</td>
                  </tr>
                ))}
                {raters.length > 1 ? (
                  <tr>
                    <th scope="row">
                      <Trans comment="what the labels of all raters come to">Together</Trans>
                    </th>
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
          <p className="small dim">
            <Trans>Nobody has labelled anything yet.</Trans>
          </p>
        )}
        {unlisted > 0 ? <p className="small dim">{t`And ${unlisted} more.`}</p> : null}
        {agreement && agreement.units > 0 ? <Agreed agreement={agreement} disputed={disputed} /> : null}
        {pairwise.length > 1 ? (
          <Disclosure label={t`Every two of them`}>
            <table className={styles.table}>
              <thead>
                <tr>
                  <th scope="col">
                    <Trans>Two raters</Trans>
                  </th>
                  <th scope="col">
                    <Trans>Cohen’s kappa</Trans>
                  </th>
                  <th scope="col" className={styles.figure}>
                    <Trans>Pairs</Trans>
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
          <Trans>
            What trains is what the labels of a pair come to: people before what came with the data, and that before
            judges; of several the answer that more than half of them give, else a tie. Shares are with their 95 %
            intervals. Some pairs are shown again, sides turned, to see how far a rater agrees with themselves: about 8
            of 100, after at least 20 others; they train nothing.
          </Trans>
        </p>
        <Profiles />
      </div>
    </Panel>
  );
}

/** How far a rater gives the same answer twice. */
function printSelf(self: Parameters<typeof printShareOf>[0] & { n: number }): string {
  const [share, n] = [printShareOf(self), self.n];
  return n ? t`${share} of ${n}` : t`not yet`;
}

function Agreed({ agreement, disputed }: { agreement: NonNullable<RatersFigures['agreement']>; disputed: number }) {
  const { units } = agreement;
  const [title, value] = [agreementTitles[agreement.statistic], printAgreement(agreement)];
  return (
    <p>
      <Trans>
        <strong>
          {title} <span className="number">{value}</span>
        </strong>{' '}
        <span className="small dim">
          over <Plural value={units} one={`${units} pair`} other={`${units} pairs`} /> that several judged; on{' '}
          {disputed} they do not say the same. 1 is agreement, 0 is what chance would give.
        </span>
      </Trans>
    </p>
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
      <h3 className={styles.sub}>
        <Trans>Who judges here</Trans>
      </h3>
      <ul className={styles.profiles}>
        {all.map(({ by, name, colour }) => (
          <li key={by}>
            <Button pressed={by === current} look={by === current ? 'primary' : 'normal'} onClick={() => setRater(by)}>
              {by === current ? t`${name} judges now` : name}
            </Button>
            <Dot of={{ by, name, colour }} />
            {by === all[0]!.by ? null : (
              <>
                <div className={styles.colour}>
                  <Select
                    label={t`Colour of ${name}`}
                    value={colour}
                    onChange={(chosen) => setRaterColour(by, chosen)}
                    options={raterColours.map((value) => ({ value, label: i18n._(colourNames[value]) }))}
                  />
                </div>
                <IconButton icon="remove" label={t`Remove ${name}; the labels stay`} onClick={() => removeRater(by)} />
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
        <TextField label={t`Another person`} value={name} onChange={setName} placeholder={t`a name`} />
        <Button icon="person" disabled={!name.trim()} onClick={add}>
          <Trans>Add</Trans>
        </Button>
      </form>
      <div className="row">
        <FileButton accept={acceptOf('labels')} onFile={addLabelFile}>
          <Trans>Labels from a file</Trans>
        </FileButton>
        <span className="small dim">
          <Trans>Somebody’s answers to these pairs, as JSONL.</Trans>
        </span>
      </div>
      {all.length > 1 ? (
        <p className="small dim">
          <Trans>On the Label screen R goes to the next one.</Trans>
        </p>
      ) : null}
    </div>
  );
}
