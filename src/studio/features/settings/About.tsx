/** What this is: its version, whose work is in it, and how the embedded model was made. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useState } from 'react';
import { version } from '../../../../package.json';
import { WinnowError } from '../../../shared/errors.ts';
import { Button } from '../../components/Button.tsx';
import { Dialog } from '../../components/Dialog.tsx';
import { inChunk } from '../../components/inChunk.tsx';
import { Panel } from '../../components/Surface.tsx';
import { siteBase } from '../../store/services.ts';
import styles from './settings.module.css';

const ModelCard = inChunk(async () => (await import('./ModelCard.tsx')).ModelCard);

/** Of everything that is bundled; the build writes it. */
async function licences(): Promise<string> {
  const response = await fetch(`${siteBase}licences.md`).catch(() => null);
  // A development server answers unknown paths with the page itself.
  if (!response?.ok || response.headers.get('content-type')?.startsWith('text/html'))
    throw new WinnowError('NotFound', t`The list of licences is not here.`, t`It is written by npm run build.`);
  return response.text();
}

export function About() {
  const [open, setOpen] = useState<{ licences: string } | 'card' | null>(null);
  return (
    <Panel title={t`About`}>
      <div className="stack">
        <p className="small">
          <Trans>
            Winnow {version}, under the Apache License 2.0. It teaches a text-to-image model a taste by Diffusion-DPO,
            in this tab. Nothing is uploaded.
          </Trans>
        </p>
        <div className="row">
          <Button
            icon="models"
            onClick={async () => {
              await ModelCard.load();
              setOpen('card');
            }}
          >
            <Trans>Model card</Trans>
          </Button>
          <Button icon="file" onClick={async () => setOpen({ licences: await licences() })}>
            <Trans>Licences</Trans>
          </Button>
        </div>
      </div>
      <Dialog
        title={open === 'card' ? t`How the embedded model was made` : t`Licences of what is in it`}
        open={open !== null}
        onClose={() => setOpen(null)}
        size="xl"
      >
        {open === 'card' ? (
          <ModelCard />
        ) : (
          // Longer than its box: it takes the focus so that keys scroll it.
          <pre className={styles.text} tabIndex={0}>
            {open?.licences}
          </pre>
        )}
      </Dialog>
    </Panel>
  );
}
