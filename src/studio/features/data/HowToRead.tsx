/** How a file is to be read, where what was guessed is not what is meant. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useState } from 'react';
import type { Field, FormatName } from '../../../data/preferences/preference.ts';
import { formats } from '../../../data/preferences/table.ts';
import { Button } from '../../components/Button.tsx';
import { OptionalNumberField, Select, TextArea, TextField } from '../../components/Fields.tsx';
import type { ImportChoices } from '../../store/importSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './data.module.css';

const GUESSED = 'guessed';

/** @param columns that the file has; none where it could not be read as anything. */
export function HowToRead({
  columns,
  fields,
  splits = [],
  format,
}: {
  columns: readonly string[];
  fields: readonly { field: Field; theirs: string | undefined }[];
  splits?: readonly string[];
  format?: FormatName;
}) {
  const choices = useStudio((s) => s.bringing!.choices);
  const { changeImport } = useStudio.getState();
  const [text, setText] = useState({ where: choices.where, rater: choices.rater, map: mapText(choices.map) });
  const [range, setRange] = useState({ skip: choices.skip, limit: choices.limit });
  const asFormat = choices.as ?? GUESSED;
  const title = format && (formats[format]?.title ?? format);
  return (
    <div className="stack">
      <div className={styles.fields}>
        <Select<string>
          label={t`Read as`}
          value={asFormat}
          onChange={(value) => void changeImport({ as: value === GUESSED ? undefined : (value as FormatName) })}
          options={[
            { value: GUESSED, label: title ? t`${title} (guessed)` : t`As it looks` },
            ...Object.values(formats).map(({ name, title }) => ({ value: name, label: title })),
          ]}
        />
        {splits.length > 1 ? (
          <Select<string>
            label={t({ message: 'Split', comment: 'a part of a data set, such as train or test' })}
            value={choices.split ?? ''}
            onChange={(split) => void changeImport({ split: split || undefined })}
            options={[{ value: '', label: t`All of them` }, ...splits.map((value) => ({ value, label: value }))]}
          />
        ) : null}
        {fields.map(({ field: { ours, needed, what }, theirs }) => (
          <Select<string>
            key={ours}
            label={needed === true ? ours : t`${ours} (if there)`}
            hint={what}
            value={theirs ?? ''}
            onChange={(column) => void changeImport({ map: { ...choices.map, [ours]: column } })}
            options={[
              ...(theirs === undefined ? [{ value: '', label: t({ message: 'none', context: 'a column' }) }] : []),
              ...columns.map((value) => ({ value, label: value })),
            ]}
          />
        ))}
      </div>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
        }}
      >
        <div className={styles.fields}>
          {fields.length === 0 ? (
            <TextArea
              label={t`Which column is which`}
              hint={t`OURS=THEIRS, one a line, as caption=prompt.`}
              value={text.map}
              onChange={(map) => setText({ ...text, map })}
            />
          ) : null}
          <TextArea
            label={t({ message: 'Only rows where', comment: 'above a field for COLUMN=VALUE' })}
            hint={t`COLUMN=VALUE, one a line.`}
            value={text.where}
            onChange={(where) => setText({ ...text, where })}
          />
          <TextField
            label={t`Whose labels these are`}
            hint={t`One name for all of them; as the data say if left out.`}
            value={text.rater}
            onChange={(rater) => setText({ ...text, rater })}
          />
          <OptionalNumberField
            label={t`Rows to leave out first`}
            value={range.skip}
            onChange={(skip) => setRange({ ...range, skip })}
            empty={t({ message: 'none', context: 'rows' })}
          />
          <OptionalNumberField
            label={t`Rows at most`}
            value={range.limit}
            min={1}
            onChange={(limit) => setRange({ ...range, limit })}
            empty={t({ message: 'all', context: 'rows' })}
          />
          <Select<ImportChoices['fit']>
            label={t`Pictures of another shape`}
            hint={t`How they become what the model takes. They are kept as they came.`}
            value={choices.fit}
            onChange={(fit) => void changeImport({ fit })}
            options={[
              { value: 'asRun', label: t`as the run says` },
              { value: 'crop', label: t({ message: 'crop', comment: 'what is done to a picture of another shape' }) },
              { value: 'pad', label: t({ message: 'pad', comment: 'what is done to a picture of another shape' }) },
              {
                value: 'stretch',
                label: t({ message: 'stretch', comment: 'what is done to a picture of another shape' }),
              },
            ]}
          />
        </div>
        <div>
          <Button
            icon="refresh"
            onClick={() =>
              changeImport({
                where: text.where,
                rater: text.rater.trim(),
                ...range,
                ...(fields.length === 0 && { map: mapOf(text.map) }),
              })
            }
          >
            <Trans>Look again</Trans>
          </Button>
        </div>
      </form>
    </div>
  );
}

const mapText = (map: ImportChoices['map']): string =>
  Object.entries(map)
    .map(([ours, theirs]) => `${ours}=${theirs}`)
    .join('\n');

const mapOf = (text: string): ImportChoices['map'] =>
  Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const at = line.indexOf('=');
      return at > 0 ? [[line.slice(0, at).trim(), line.slice(at + 1).trim()]] : [];
    }),
  );
