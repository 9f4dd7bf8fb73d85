/** Settings: storage, keys, colours, and what to send along with a bug report. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useMantineColorScheme } from '@mantine/core';
import { useEffect, useState } from 'react';
import { Button } from '../../components/Button.tsx';
import { Segmented, Select, Switch } from '../../components/Fields.tsx';
import { saveBytes } from '../../components/files.ts';
import { Progress } from '../../components/Progress.tsx';
import { Notice, Page, Panel, ProblemNotice } from '../../components/Surface.tsx';
import { attempt, toast } from '../../components/toast.ts';
import { printBytes } from '../../components/words.ts';
import { halfPictureError } from '../../../shared/arithmetic.ts';
import { MATRIX_FEATURE } from '../../../shared/subgroupMatrices.ts';
import { diagnostics } from '../../store/diagnostics.ts';
import { useStudio } from '../../store/useStudio.ts';
import { languageFor, languageName, languages, speak } from '../../languages/language.ts';
import { About } from './About.tsx';

export function SettingsScreen() {
  return (
    <Page title={t`Settings`}>
      <Storage />
      <Panel title={t({ message: 'Keys', comment: 'of a keyboard' })}>
        <SingleKeys />
      </Panel>
      <Panel title={t({ message: 'While it works', comment: 'a heading' })}>
        <div className="stack">
          <Notify />
          <Previews />
        </div>
      </Panel>
      <Panel title={t`Arithmetic`}>
        <div className="stack">
          <HalfWidth />
          <Matrices />
        </div>
      </Panel>
      <Panel title={t`Colours`}>
        <Colours />
      </Panel>
      <Panel title={t`Language`}>
        <Language />
      </Panel>
      <Panel title={t`Small pictures`}>
        <Scaling />
      </Panel>
      <Diagnostics />
      <About />
    </Page>
  );
}

function Storage() {
  const storage = useStudio((s) => s.storage);
  const lacks = useStudio((s) => s.lacks !== null);
  const { readStorage, askToPersist } = useStudio.getState();
  const used = printBytes(storage?.usageBytes ?? 0);
  const all = printBytes(storage?.quotaBytes ?? 0);
  useEffect(() => {
    void readStorage();
  }, [readStorage]);
  return (
    <Panel title={t`Storage`}>
      <div className="stack">
        <p className="small dim">
          <Trans>Images, labels, runs and models live in this browser, on this computer. Nothing is uploaded.</Trans>
        </p>
        {lacks ? (
          <p className="small dim">
            <Trans>Not in this browser: see above.</Trans>
          </p>
        ) : storage ? (
          <>
            <Progress
              label={t`${used} of ${all} used`}
              value={storage.quotaBytes ? storage.usageBytes / storage.quotaBytes : 0}
            />
            <p className="small number">
              <Trans>
                {used} used of the {all} this browser allows.
              </Trans>
            </p>
            {storage.persisted ? (
              <Notice tone="good">
                <Trans>Kept until you delete it: the browser will not clear it by itself.</Trans>
              </Notice>
            ) : (
              <Notice
                tone="warn"
                actions={
                  <Button
                    onClick={async () => {
                      if (!(await askToPersist()))
                        toast(
                          t`Not granted`,
                          t`The browser decides this itself, often after a few visits. Take your labels along as a file meanwhile.`,
                        );
                    }}
                  >
                    <Trans>Ask the browser to keep it</Trans>
                  </Button>
                }
              >
                <Trans>The browser may clear it when the disk runs full.</Trans>
              </Notice>
            )}
          </>
        ) : (
          <p className="small dim">
            <Trans>This browser does not say how much is used.</Trans>
          </p>
        )}
      </div>
    </Panel>
  );
}

function SingleKeys() {
  const singleKeys = useStudio((s) => s.preferences.singleKeys);
  const { setPreference } = useStudio.getState();
  return (
    <Switch
      label={t`Single-key shortcuts`}
      hint={t`Arrows, digits and letters without Ctrl or Cmd. Press ? for the list; with this off, use the question mark button at the top.`}
      checked={singleKeys}
      onChange={(on) => setPreference('singleKeys', on)}
    />
  );
}

function Notify() {
  const notify = useStudio((s) => s.preferences.notify);
  const [refused, setRefused] = useState(false);
  const { setPreference } = useStudio.getState();
  const possible = 'Notification' in globalThis;
  const choose = async (on: boolean): Promise<void> => {
    const granted = !on || (await Notification.requestPermission()) === 'granted';
    setRefused(!granted);
    setPreference('notify', on && granted);
  };
  return (
    <Switch
      label={t`Notify me at the end of a long job`}
      hint={
        !possible
          ? t`This browser has no notifications; the tab’s title says it.`
          : refused
            ? t`The browser refused: allow notifications for this page in its settings. The tab’s title says it in any case.`
            : t`While this tab is hidden. Asks the browser first; nothing leaves this computer.`
      }
      checked={notify && possible && !refused}
      disabled={!possible}
      onChange={(on) => void choose(on)}
    />
  );
}

function Previews() {
  const previews = useStudio((s) => s.preferences.previews);
  const { setPreference } = useStudio.getState();
  return (
    <Switch
      label={t`Show pictures while they are drawn`}
      hint={t`Rough, from what is in the making: a fitted map of the latents, without the decoder.`}
      checked={previews}
      onChange={(on) => setPreference('previews', on)}
    />
  );
}

function HalfWidth() {
  const chosen = useStudio((s) => s.preferences.arithmetic === 'f16');
  const lacking = useStudio((s) => s.system !== null && !s.system.features.includes('shader-f16'));
  const { setPreference } = useStudio.getState();
  const { mean, largest } = halfPictureError;
  return (
    <Switch
      label={t`Draw pictures in 16 bits (f16)`}
      hint={
        lacking
          ? t`This GPU does not offer it (shader-f16).`
          : t`Our kernels draw then: large products and attention multiply in 16 bits and add up in 32. For GPUs that are faster so; none was timed yet. Colours come out a little different, by ${mean} of 255 on average and ${largest} at most (the model that comes along, 12 steps). Training, labels and comparisons stay in 32 bits; a large judge that picks the best of several pictures reads them in 16.`
      }
      checked={chosen && !lacking}
      disabled={lacking}
      onChange={(on) => setPreference('arithmetic', on ? 'f16' : 'f32')}
    />
  );
}

function Matrices() {
  const chosen = useStudio((s) => s.preferences.matrices);
  const lacking = useStudio((s) => s.system !== null && !s.system.features.includes(MATRIX_FEATURE));
  const { setPreference } = useStudio.getState();
  return (
    <Switch
      label={t`Try the browser’s experimental matrix instructions`}
      hint={
        lacking
          ? t`This browser or its GPU does not offer them (${MATRIX_FEATURE}).`
          : t`From the next opening of this page on, large products are measured with them, too, and use them where they are right and faster: in 32 bits on Apple’s GPUs, elsewhere where pictures are drawn in 16. No GPU was tried yet.`
      }
      checked={chosen && !lacking}
      disabled={lacking}
      onChange={(on) => setPreference('matrices', on)}
    />
  );
}

function Colours() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Segmented
      label={t`Colours`}
      value={colorScheme}
      onChange={setColorScheme}
      options={[
        { value: 'auto', label: t({ message: 'As the system', comment: 'colours' }) },
        { value: 'light', label: t({ message: 'Light', comment: 'colours' }) },
        { value: 'dark', label: t({ message: 'Dark', comment: 'colours' }) },
      ]}
    />
  );
}

function Language() {
  const language = useStudio((s) => s.preferences.language);
  const { setPreference } = useStudio.getState();
  const choose = async (code: string): Promise<void> => {
    const next = code || null;
    await speak(languageFor(next));
    setPreference('language', next);
  };
  return (
    <Select
      label={t`Language`}
      value={language ?? ''}
      onChange={(code) => attempt(() => choose(code))}
      options={[
        { value: '', label: t`As the browser` },
        ...languages.map((code) => ({ value: code, label: languageName(code) })),
      ]}
    />
  );
}

function Scaling() {
  const scaling = useStudio((s) => s.preferences.scaling);
  const { setPreference } = useStudio.getState();
  return (
    <div className="stack">
      <div>
        <Segmented
          label={t`Small pictures, shown large`}
          value={scaling}
          onChange={(next) => setPreference('scaling', next)}
          options={[
            { value: 'smooth', label: t({ message: 'Smooth', comment: 'how small pictures are shown large' }) },
            { value: 'steps', label: t`Pixel by pixel` },
          ]}
        />
      </div>
      <p className="small dim">
        <Trans>
          Everywhere alike, on both sides of a pair. Pixel by pixel, each pixel of a picture is the same whole number of
          the screen’s.
        </Trans>
      </p>
    </div>
  );
}

function Diagnostics() {
  const problem = useStudio((s) => s.engineProblem);
  const otherTab = useStudio((s) => s.engineState === 'otherTab');
  const { restartEngine } = useStudio.getState();
  return (
    <Panel title={t`Diagnostics`}>
      <div className="stack">
        <ProblemNotice problem={problem} />
        <p className="small dim">
          <Trans>
            For a bug report: the GPU and its limits, versions, states of runs and jobs. No prompts, no images.
          </Trans>
        </p>
        <div className="row">
          <Button icon="copy" onClick={() => navigator.clipboard.writeText(diagnostics()).then(() => toast(t`Copied`))}>
            <Trans comment="a button">Copy</Trans>
          </Button>
          <Button icon="save" onClick={() => saveBytes(diagnostics(), 'winnow-diagnostics.json', 'application/json')}>
            <Trans>Save as a file</Trans>
          </Button>
          <Button icon="refresh" disabled={otherTab} onClick={restartEngine}>
            <Trans>Restart the engine</Trans>
          </Button>
        </div>
      </div>
    </Panel>
  );
}
