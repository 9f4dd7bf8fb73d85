/** Colours and shapes. The interface is neutral grey, so that it does not tint how images are judged; wheat is the only accent.
 *  Contrast is WCAG AA in both schemes; Mantine's own defaults are not (filled blue, dimmed and placeholder text). */
import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

const gray: MantineColorsTuple = [
  '#fafaf9',
  '#f4f4f3',
  '#eaeae8',
  '#dededc',
  '#cbcbc8',
  '#a3a39f',
  '#5f5f5b',
  '#4a4a47',
  '#30302e',
  '#1d1d1b',
];
const dark: MantineColorsTuple = [
  '#ededeb',
  '#cfcfcc',
  '#adada9',
  '#8a8a86',
  '#454544',
  '#383837',
  '#2a2a29',
  '#1e1e1e',
  '#181818',
  '#111111',
];
const ink: MantineColorsTuple = [
  '#f4f4f3',
  '#ededeb',
  '#dededc',
  '#cbcbc8',
  '#a3a39f',
  '#7b7b77',
  '#5f5f5b',
  '#4a4a47',
  '#30302e',
  '#1d1d1b',
];

export const theme = createTheme({
  colors: { gray, dark, ink },
  primaryColor: 'ink',
  primaryShade: { light: 9, dark: 1 },
  autoContrast: true,
  luminanceThreshold: 0.35,
  respectReducedMotion: true,
  defaultRadius: 'md',
  // Named faces before system-ui: on a bare Linux that one may be anything.
  fontFamily:
    '-apple-system, "Segoe UI", Roboto, "Noto Sans", Cantarell, Ubuntu, "Liberation Sans", Helvetica, Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  headings: { fontWeight: '650' },
  cursorType: 'pointer',
  focusRing: 'auto',
});

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#f7f7f6',
    '--mantine-color-text': '#1d1d1b',
    '--mantine-color-dimmed': '#5a5a56',
    '--mantine-color-placeholder': '#6b6b67',
    '--mantine-color-error': '#a61b1b',
  },
  dark: {
    '--mantine-color-body': '#161616',
    '--mantine-color-text': '#ededeb',
    '--mantine-color-dimmed': '#adada9',
    '--mantine-color-placeholder': '#a3a39f',
    '--mantine-color-error': '#ff9b93',
  },
});
