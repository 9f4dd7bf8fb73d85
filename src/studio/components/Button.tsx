/** Buttons, over Mantine's. */
import { ActionIcon, Button as MantineButton, FileButton as MantineFileButton } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Action } from './action.ts';
import { Icon, type IconName } from './Icon.tsx';
import { Keys, useKeyHint } from './Shortcuts.tsx';
import { attempt } from './toast.ts';

type Look = 'primary' | 'normal' | 'quiet' | 'danger';

const variants: Record<Look, { variant: string; color?: string }> = {
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

export function FileButton({
  children,
  accept,
  icon = 'file',
  onFile,
  look = 'normal',
  disabled,
}: {
  children: ReactNode;
  accept: string;
  icon?: IconName;
  onFile: (file: File) => unknown;
  look?: Look;
  disabled?: boolean;
}) {
  return (
    <MantineFileButton
      accept={accept}
      disabled={disabled ?? false}
      onChange={(file) => file && attempt(() => onFile(file))}
    >
      {(props) => (
        <MantineButton
          {...props}
          type="button"
          {...variants[look]}
          size="sm"
          disabled={disabled ?? false}
          leftSection={<Icon name={icon} />}
          className="button"
          data-look={look}
        >
          {children}
        </MantineButton>
      )}
    </MantineFileButton>
  );
}

/** React's types do not know the attribute; every browser on a desk does. */
const wholeFolder: object = { webkitdirectory: '' };

interface FilesProps {
  children: ReactNode;
  onFiles: (files: File[]) => unknown;
  disabled?: boolean;
}

/** Gives every file below the folder that is picked. */
export const FolderButton = (props: FilesProps) => <SeveralFiles {...props} icon="folder" input={wholeFolder} />;

/** Gives one file or several. */
export const FilesButton = ({ accept, ...props }: FilesProps & { accept: string }) => (
  <SeveralFiles {...props} icon="file" input={{ accept }} />
);

function SeveralFiles({ children, onFiles, disabled, icon, input }: FilesProps & { icon: IconName; input: object }) {
  return (
    <MantineFileButton
      multiple
      disabled={disabled ?? false}
      inputProps={input}
      onChange={(files) => files.length && attempt(() => onFiles(files))}
    >
      {(props) => (
        <MantineButton
          {...props}
          type="button"
          {...variants.normal}
          size="sm"
          disabled={disabled ?? false}
          leftSection={<Icon name={icon} />}
          className="button"
          data-look="normal"
        >
          {children}
        </MantineButton>
      )}
    </MantineFileButton>
  );
}

export function IconFileButton({
  label,
  accept,
  icon,
  onFiles,
}: {
  label: string;
  accept: string;
  icon: IconName;
  onFiles: (files: File[]) => unknown;
}) {
  return (
    <MantineFileButton multiple accept={accept} onChange={(files) => files.length && attempt(() => onFiles(files))}>
      {(props) => (
        <ActionIcon {...props} variant="default" size={36} title={label} aria-label={label} className="iconButton">
          <Icon name={icon} />
        </ActionIcon>
      )}
    </MantineFileButton>
  );
}
