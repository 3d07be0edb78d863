/** Where benches keep what they need for a while: inside the checkout, so that packages are found from there. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../src/app/settings.ts';

export const workFolder = async (): Promise<string> => {
  const folder = join(packageRoot(), '.octank', 'bench');
  await mkdir(folder, { recursive: true });
  return folder;
};
