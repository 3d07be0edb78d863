/** Process entry of the traffic: node traffic.js CONFIG.json. */
import { runChild } from '../child.ts';
import { trafficConfig } from './config.ts';
import { startTraffic } from './run.ts';

await runChild(trafficConfig, startTraffic);
