/** Models that are imported, downloaded and exported while the process is killed, the disk is full, permission is taken away, or the connection is
 *  cut: half of them on the command line, half in the studio. Nothing that is half done may look whole, and every one must be gone on with. */
import { browserImports } from './lib/browserImports.ts';
import { commandLineImports } from './lib/commandLineImports.ts';
import { halves } from './lib/halves.ts';

export const fullCount = 200;

export const torture = halves(commandLineImports, browserImports);
