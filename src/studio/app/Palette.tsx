/** What can be done here and now, found by its words: every action on screen, every screen, run and model. */
import { t } from '@lingui/core/macro';
import { Spotlight, spotlight, type SpotlightActionGroupData } from '@mantine/spotlight';
import '@mantine/spotlight/styles.layer.css';
import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';
import type { Action } from '../components/action.ts';
import { Icon } from '../components/Icon.tsx';
import { Keys, useKeyList } from '../components/Shortcuts.tsx';
import { attempt } from '../components/toast.ts';
import { namedRuns } from '../store/models.ts';
import { useStudio } from '../store/useStudio.ts';
import styles from './palette.module.css';

const isEverywhere = (actions: readonly Action[]): boolean => actions.some(({ name }) => name === 'palette');

export function Palette({ onClose }: { onClose: () => void }) {
  // Those of the screen that it was opened on.
  const [groups] = useState(() => useKeyList.getState().groups);
  const runs = useStudio(namedRuns);
  const models = useStudio((s) => s.models);
  const [, navigate] = useLocation();
  const { useModel } = useStudio.getState();
  useEffect(() => {
    spotlight.open();
    useKeyList.setState({ resting: true });
    return () => {
      spotlight.close();
      useKeyList.setState({ resting: false });
    };
  }, []);
  const found: SpotlightActionGroupData[] = [
    ...Object.entries(groups)
      // What belongs to the screen before what is there on every one.
      .sort(([, a], [, b]) => Number(isEverywhere(a)) - Number(isEverywhere(b)))
      .map(([group, actions]) => ({
        group,
        actions: actions
          .filter(({ name, enabled }) => enabled !== false && name !== 'palette')
          .map(({ name, label, keys, perform }) => ({
            id: `${group} ${name}`,
            label,
            rightSection: <Keys of={name} keys={keys ?? ''} first />,
            onClick: () => attempt(perform),
          })),
      })),
    {
      group: t({ message: 'Runs', comment: 'of training' }),
      actions: runs.map(({ id, name }) => ({
        id: `run ${id}`,
        label: t`Open the run ${name}`,
        onClick: () => navigate(`/train/${id}`),
      })),
    },
    {
      group: t`Models`,
      actions:
        models.length > 1
          ? models.map(({ id, title }) => ({
              id: `model ${id}`,
              label: t({ message: `Work with ${title}`, comment: 'a model is chosen' }),
              onClick: () => attempt(() => useModel(id)),
            }))
          : [],
    },
  ];
  return (
    <Spotlight
      actions={found.filter(({ actions }) => actions.length > 0)}
      shortcut={null}
      highlightQuery
      scrollable
      maxHeight={420}
      scrollAreaProps={{ viewportProps: { tabIndex: 0, 'aria-label': t`Commands` } }}
      classNames={{ actionSection: styles.keys! }}
      nothingFound={t`Nothing here is called that.`}
      searchProps={{
        placeholder: t`What would you like to do?`,
        'aria-label': t`Find a command`,
        leftSection: <Icon name="search" />,
      }}
      onSpotlightClose={onClose}
    />
  );
}
