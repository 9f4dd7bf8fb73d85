/** Inputs with their labels, over Mantine's. Every one has a visible name; hints stand below it. */
import { t } from '@lingui/core/macro';
import {
  NumberInput,
  SegmentedControl,
  Select as MantineSelect,
  Slider,
  Switch as MantineSwitch,
  Textarea,
  TextInput,
} from '@mantine/core';
import { type MouseEvent, type ReactNode, useId, useRef, useState } from 'react';

interface Field {
  label: string;
  hint?: ReactNode;
  disabled?: boolean | undefined;
}

export function TextField({
  label,
  hint,
  value,
  onChange,
  placeholder,
  disabled,
}: Field & { value: string; onChange: (value: string) => void; placeholder?: string }) {
  return (
    <TextInput
      label={label}
      description={hint}
      value={value}
      placeholder={placeholder ?? ''}
      disabled={disabled ?? false}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

export function TextArea({
  label,
  hint,
  value,
  onChange,
  rows = 2,
  placeholder,
  mono,
  disabled,
}: Field & {
  value: string;
  onChange: (value: string) => void;
  rows?: number;
  placeholder?: string;
  mono?: boolean;
}) {
  return (
    <Textarea
      label={label}
      description={hint}
      value={value}
      placeholder={placeholder ?? ''}
      disabled={disabled ?? false}
      autosize
      minRows={rows}
      maxRows={mono ? 24 : 8}
      styles={mono ? { input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 13 } } : {}}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

interface Bounds {
  min?: number | undefined;
  max?: number | undefined;
  digits: number;
  /** Whether it may be left out. */
  optional?: boolean;
}

function wantedOf({ min, max, digits }: Bounds): string {
  const whole = digits === 0;
  if (min !== undefined && max !== undefined)
    return whole ? t`Type a whole number from ${min} to ${max}.` : t`Type a number from ${min} to ${max}.`;
  if (min !== undefined)
    return whole ? t`Type a whole number of at least ${min}.` : t`Type a number of at least ${min}.`;
  if (max !== undefined) return whole ? t`Type a whole number of at most ${max}.` : t`Type a number of at most ${max}.`;
  return whole ? t`Type a whole number.` : t`Type a number.`;
}

/** Why what was typed is no value of the field; null if it is one. */
function numberProblem(typed: string | number, bounds: Bounds): string | null {
  const { min, max, optional } = bounds;
  const wanted = wantedOf(bounds);
  if (typed === '') return optional ? null : wanted;
  // A number with more digits than can be told apart stays text.
  if (typeof typed !== 'number' || !Number.isFinite(typed)) return wanted;
  return typed < (min ?? -Infinity) || typed > (max ?? Infinity) ? wanted : null;
}

/** What is typed stays as it is typed. Where it is no value the field says so, the value stays what it was, and nothing that reads the field
 *  starts (fieldProblem.ts). */
function useTyped<Value extends number | null>(value: Value, bounds: Bounds, onChange: (value: Value) => void) {
  const [typed, setTyped] = useState<string | number | null>(null);
  const [valueThen, setValueThen] = useState(value);
  if (valueThen !== value) {
    setValueThen(value);
    setTyped(null);
  }
  const error = typed === null ? null : numberProblem(typed, bounds);
  return {
    value: error === null ? (value ?? '') : typed!,
    error,
    min: bounds.min ?? -Infinity,
    max: bounds.max ?? Infinity,
    clampBehavior: 'none' as const,
    decimalScale: bounds.digits,
    allowDecimal: bounds.digits > 0,
    allowNegative: (bounds.min ?? 0) < 0,
    thousandSeparator: '',
    onChange: (next: string | number) => {
      const problem = numberProblem(next, bounds);
      setTyped(problem === null ? null : next);
      if (problem === null) onChange((next === '' ? null : next) as Value);
    },
  };
}

export function NumberField({
  label,
  hint,
  value,
  onChange,
  min,
  max,
  step = 1,
  digits = 0,
  disabled,
}: Field & {
  value: number;
  onChange: (value: number) => void;
  min?: number;
  max?: number;
  step?: number;
  digits?: number;
}) {
  const typed = useTyped(value, { min, max, digits }, onChange);
  return <NumberInput label={label} description={hint} step={step} disabled={disabled ?? false} {...typed} />;
}

/** A number that can be left out: empty is null, and says what that means. */
export function OptionalNumberField({
  label,
  hint,
  value,
  onChange,
  min = 0,
  max,
  step = 1,
  digits = 0,
  empty,
}: Field & {
  value: number | null;
  onChange: (value: number | null) => void;
  min?: number;
  max?: number | undefined;
  step?: number;
  digits?: number;
  empty: string;
}) {
  const typed = useTyped(value, { min, max, digits, optional: true }, onChange);
  return <NumberInput label={label} description={hint} placeholder={empty} step={step} {...typed} />;
}

/** Numbers over many powers of ten: learning rates. */
export function ScientificField({
  label,
  hint,
  value,
  onChange,
}: Field & { value: number; onChange: (value: number) => void }) {
  const [typed, setTyped] = useState<string | null>(null);
  const read = typed?.trim() ? Number(typed) : NaN;
  const isRead = Number.isFinite(read) && read >= 0;
  return (
    <TextInput
      label={label}
      description={hint}
      value={typed ?? printNumber(value)}
      error={typed !== null && !isRead ? t`Type a number, such as 0.0005 or 5e-4.` : null}
      inputMode="decimal"
      onChange={(event) => {
        const next = event.currentTarget.value;
        setTyped(next);
        if (next.trim() && Number.isFinite(Number(next)) && Number(next) >= 0) onChange(Number(next));
      }}
      onBlur={() => isRead && setTyped(null)}
    />
  );
}

const printNumber = (value: number): string =>
  value !== 0 && Math.abs(value) < 0.01 ? value.toExponential() : String(value);

export function Select<Value extends string>({
  label,
  hint,
  value,
  onChange,
  options,
  disabled,
}: Field & {
  value: Value | null;
  onChange: (value: Value) => void;
  options: { value: Value; label: string }[] | { group: string; items: { value: Value; label: string }[] }[];
}) {
  return (
    <MantineSelect
      label={label}
      description={hint}
      value={value}
      data={options}
      disabled={disabled ?? false}
      allowDeselect={false}
      checkIconPosition="right"
      comboboxProps={{ shadow: 'md' }}
      onChange={(next) => next && onChange(next as Value)}
    />
  );
}

/** A click of the mouse leaves no focus behind, so that the screen's keys still mean what they say; a keyboard user's place is kept. */
function useFocusOfKeys() {
  const pointed = useRef(false);
  return {
    onPointerDownCapture: () => void (pointed.current = true),
    onKeyDownCapture: () => void (pointed.current = false),
    onClick: ({ target }: MouseEvent) => {
      if (pointed.current && target instanceof HTMLInputElement) target.blur();
    },
  };
}

export function Switch({
  label,
  hint,
  checked,
  onChange,
  disabled,
}: Field & { checked: boolean; onChange: (checked: boolean) => void }) {
  const focus = useFocusOfKeys();
  return (
    <MantineSwitch
      wrapperProps={focus}
      label={label}
      description={hint}
      checked={checked}
      disabled={disabled ?? false}
      onChange={(event) => onChange(event.currentTarget.checked)}
    />
  );
}

export function Segmented<Value extends string>({
  label,
  value,
  onChange,
  options,
  full,
}: {
  label: string;
  value: Value;
  onChange: (value: Value) => void;
  options: { value: Value; label: ReactNode }[];
  full?: boolean;
}) {
  const focus = useFocusOfKeys();
  return (
    <SegmentedControl
      {...focus}
      aria-label={label}
      value={value}
      onChange={(next) => onChange(next as Value)}
      data={options}
      fullWidth={full ?? false}
      withItemsBorders={false}
    />
  );
}

export function SliderField({
  label,
  value,
  onChange,
  min,
  max,
  step,
  print = String,
  disabled,
  inline,
}: Field & {
  value: number;
  onChange: (value: number) => void;
  min: number;
  max: number;
  step: number;
  print?: (value: number) => string;
  inline?: boolean;
}) {
  const id = useId();
  return (
    <div className="sliderField" data-inline={inline || undefined}>
      <div className="spread">
        <span id={id} className="fieldLabel">
          {label}
        </span>
        <span className="small number dim">{print(value)}</span>
      </div>
      <Slider
        value={value}
        onChange={onChange}
        min={min}
        max={max}
        step={step}
        label={null}
        disabled={disabled ?? false}
        thumbProps={{ 'aria-labelledby': id, 'aria-label': label }}
        size="sm"
      />
    </div>
  );
}
