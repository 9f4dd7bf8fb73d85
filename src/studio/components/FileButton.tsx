/** Buttons that ask for files: a part of its own, since nothing that comes before the first pair has one. */
import { ActionIcon, Button as MantineButton, FileButton as MantineFileButton } from '@mantine/core';
import type { ReactNode } from 'react';
import { type Look, variants } from './Button.tsx';
import { Icon, type IconName } from './Icon.tsx';
import { attempt } from './toast.ts';

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
