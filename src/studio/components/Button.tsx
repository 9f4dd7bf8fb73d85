/** Buttons, over Mantine's. */
import { ActionIcon, Button as MantineButton } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Action } from './action.ts';
import { Icon, type IconName } from './Icon.tsx';
import { Keys, useKeyHint } from './Shortcuts.tsx';
import { attempt } from './toast.ts';

export type Look = 'primary' | 'normal' | 'quiet' | 'danger';

export const variants: Record<Look, { variant: string; color?: string }> = {
  primary: { variant: 'filled' },
  normal: { variant: 'default' },
  quiet: { variant: 'subtle', color: 'gray' },
  danger: { variant: 'default' },
};

interface ButtonProps {
  children: ReactNode;
  onClick?: (() => unknown) | undefined;
  look?: Look;
  icon?: IconName | undefined;
  size?: 'sm' | 'md' | 'lg';
  disabled?: boolean | undefined;
  busy?: boolean;
  full?: boolean;
  keys?: string | undefined;
  /** The name of the action that has the keys. */
  of?: string | undefined;
  pressed?: boolean;
  href?: string;
}

export function Button({
  children,
  onClick,
  look = 'normal',
  icon,
  size = 'sm',
  disabled,
  busy,
  full,
  keys,
  of,
  pressed,
  href,
}: ButtonProps) {
  const shared = {
    ...variants[look],
    size,
    fullWidth: full ?? false,
    loading: busy ?? false,
    leftSection: icon ? <Icon name={icon} /> : null,
    rightSection: keys ? <Keys of={of} keys={keys} first /> : null,
    'data-look': look,
    className: 'button',
  };
  if (href && !disabled) {
    return (
      <MantineButton component="a" href={href} onClick={() => attempt(() => onClick?.())} {...shared}>
        {children}
      </MantineButton>
    );
  }
  return (
    <MantineButton
      type="button"
      onClick={() => attempt(() => onClick?.())}
      disabled={disabled ?? false}
      aria-pressed={pressed}
      {...shared}
    >
      {children}
    </MantineButton>
  );
}

export function ActionButton({
  action,
  ...props
}: { action: Action } & Omit<ButtonProps, 'children' | 'onClick' | 'disabled' | 'keys' | 'of'>) {
  return (
    <Button {...props} onClick={action.perform} disabled={action.enabled === false} keys={action.keys} of={action.name}>
      {action.label}
    </Button>
  );
}

export function IconButton({
  icon,
  label: name,
  of,
  onClick,
  disabled,
  pressed,
  size = 34,
}: {
  icon: IconName;
  label: string;
  /** The name of the action that does the same: its keys are said. */
  of?: string;
  onClick: () => unknown;
  disabled?: boolean;
  pressed?: boolean;
  size?: number;
}) {
  const label = name + useKeyHint(of);
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size={size}
      title={label}
      aria-label={label}
      aria-pressed={pressed}
      disabled={disabled ?? false}
      onClick={() => attempt(onClick)}
      className="iconButton"
    >
      <Icon name={icon} />
    </ActionIcon>
  );
}
