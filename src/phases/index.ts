/** The phases in their order: adding one is a file and a line here. */

import { cdc } from './cdc.ts';
import type { Phase } from './contract.ts';
import { convertSchema } from './convert-schema.ts';
import { cutover } from './cutover/index.ts';
import { fullLoad } from './full-load.ts';
import { preflight } from './preflight.ts';
import { traffic } from './traffic.ts';
import { verify } from './verify.ts';

export const phases: readonly Phase[] = [preflight, convertSchema, fullLoad, cdc, verify, cutover, traffic];
