/** `<Trans>` as the macro leaves it: in the language that is spoken, without a provider around it (App.tsx draws everything anew in another). */
import { TransNoContext, type TransProps } from '@lingui/react/server';
import { i18n } from './language.ts';

export const Trans = (props: TransProps) => <TransNoContext {...props} lingui={{ i18n }} />;
