/** Inputs with their labels, over Mantine's. Every one has a visible name; hints stand below it. */
import {
  NumberInput,
  SegmentedControl,
  Select as MantineSelect,
  Slider,
  Switch as MantineSwitch,
  Textarea,
  TextInput,
} from '@mantine/core';
import { type MouseEvent, type ReactNode, useId, useRef } from 'react';

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
  return (
    <NumberInput
      label={label}
      description={hint}
      value={value}
      onChange={(next) => typeof next === 'number' && Number.isFinite(next) && onChange(next)}
      {...(min === undefined ? {} : { min })}
      {...(max === undefined ? {} : { max })}
      step={step}
      decimalScale={digits}
      allowDecimal={digits > 0}
      allowNegative={(min ?? 0) < 0}
      disabled={disabled ?? false}
      thousandSeparator=""
    />
  );
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
  return (
    <NumberInput
      label={label}
      description={hint}
      value={value ?? ''}
      placeholder={empty}
      onChange={(next) => {
        if (next === '') onChange(null);
        else if (typeof next === 'number' && Number.isFinite(next)) onChange(next);
      }}
      min={min}
      {...(max === undefined ? {} : { max })}
      step={step}
      decimalScale={digits}
      allowDecimal={digits > 0}
      allowNegative={false}
      thousandSeparator=""
    />
  );
}

/** Numbers over many powers of ten: learning rates. Typed as text, taken when they read as a number. */
export function ScientificField({
  label,
  hint,
  value,
  onChange,
}: Field & { value: number; onChange: (value: number) => void }) {
  return (
    <TextInput
      label={label}
      description={hint}
      key={value}
      defaultValue={printNumber(value)}
      inputMode="decimal"
      onBlur={(event) => {
        const next = Number(event.currentTarget.value);
        if (event.currentTarget.value.trim() && Number.isFinite(next) && next >= 0) onChange(next);
        else event.currentTarget.value = printNumber(value);
      }}
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
