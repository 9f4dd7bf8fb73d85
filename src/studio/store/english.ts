/** English, whatever the studio speaks: what it says in records, and in files that it hands out. */
import { setupI18n } from '@lingui/core';

export const english = setupI18n({ locale: 'en', messages: { en: {} } });
