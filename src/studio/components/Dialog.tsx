/** Dialogs, which let the keys of the screen below them rest, and buttons that ask before they do. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { Modal } from '@mantine/core';
import { type ReactNode, useEffect, useState } from 'react';
import { Button, IconButton } from './Button.tsx';
import type { IconName } from './Icon.tsx';
import { useKeyList } from './Shortcuts.tsx';

export function Dialog({
  title,
  open,
  onClose,
  children,
  size = 'md',
}: {
  title: string;
  open: boolean;
  onClose: () => void;
  children: ReactNode;
  size?: 'sm' | 'md' | 'lg' | 'xl';
}) {
  useEffect(() => {
    if (!open) return;
    useKeyList.setState({ resting: true });
    return () => useKeyList.setState({ resting: false });
  }, [open]);
  return (
    <Modal
      opened={open}
      onClose={onClose}
      title={title}
      size={size}
      centered
      closeButtonProps={{ 'aria-label': t`Close` }}
      overlayProps={{ backgroundOpacity: 0.5 }}
    >
      {children}
    </Modal>
  );
}

export function ConfirmButton({
  label,
  question,
  confirm,
  onConfirm,
  icon,
  disabled = false,
}: {
  label: string;
  question: string;
  confirm: string;
  onConfirm: () => unknown;
  icon?: IconName;
  disabled?: boolean;
}) {
  const [open, setOpen] = useState(false);
  // What is asked is what is done, whatever the screen behind shows by then.
  const [asked, setAsked] = useState({ question, confirm, onConfirm });
  const ask = (): void => {
    setAsked({ question, confirm, onConfirm });
    setOpen(true);
  };
  return (
    <>
      {icon ? (
        <IconButton icon={icon} label={label} disabled={disabled} onClick={ask} />
      ) : (
        <Button disabled={disabled} onClick={ask}>
          {label}
        </Button>
      )}
      <Dialog title={label} open={open} onClose={() => setOpen(false)} size="sm">
        <div className="stack">
          <p>{asked.question}</p>
          <div className="row" style={{ justifyContent: 'flex-end' }}>
            <Button onClick={() => setOpen(false)}>
              <Trans comment="a button beside Delete, for example: leaves everything as it is">Keep</Trans>
            </Button>
            <Button
              look="primary"
              onClick={() => {
                setOpen(false);
                return asked.onConfirm();
              }}
            >
              {asked.confirm}
            </Button>
          </div>
        </div>
      </Dialog>
    </>
  );
}
