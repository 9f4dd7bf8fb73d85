/** How small pictures are shown large: smooth, or each pixel as so many of the screen's. */
import { t } from '@lingui/core/macro';
import { useStudio } from '../store/useStudio.ts';
import type { Action } from './action.ts';
import { IconButton } from './Button.tsx';

export function scaleAction(): Action {
  return {
    name: 'scale',
    label: t`Smooth, or pixel by pixel`,
    keys: 'x',
    perform: () => {
      const { preferences, setPreference } = useStudio.getState();
      setPreference('scaling', preferences.scaling === 'smooth' ? 'steps' : 'smooth');
    },
  };
}

export function ScaleSwitch() {
  const inSteps = useStudio((s) => s.preferences.scaling === 'steps');
  return (
    <IconButton
      icon="pixels"
      label={inSteps ? t`Pixel by pixel, in whole steps: show smooth` : t`Smooth: show pixel by pixel`}
      of="scale"
      pressed={inSteps}
      onClick={scaleAction().perform}
    />
  );
}
