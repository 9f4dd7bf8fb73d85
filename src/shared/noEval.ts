/** Imported first, before any schema is made: zod compiles its checks from text where it may, and the content security policy says no. */
import { config } from 'zod';

config({ jitless: true });
