/** Process entry of the workload: node workload.js CONFIG.json. */
import { runChild } from '../child.ts';
import { workloadConfig } from './config.ts';
import { startWorkload } from './run.ts';

await runChild(workloadConfig, startWorkload);
