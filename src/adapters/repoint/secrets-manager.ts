/** Applications that read their connection from one secret: it is given the value of the source's or of the target's. */
import { z } from 'zod';
import { Fault } from '../../model/fault.ts';
import { actFrom, defineDriver } from './driver.ts';

const id = z.string().min(1);

const settings = z.union([
  // Shorthand: the connections lie beside the secret that applications read.
  id.transform((secret) => ({ secret, source: `${secret}-source`, target: `${secret}-target` })),
  z.strictObject({
    /** The one applications read. */
    secret: id,
    /** Hold the connection to the source and to the target, as applications need it. */
    source: id,
    target: id,
    /** How long applications keep what they read, where that is known. */
    cacheSeconds: z.number().nonnegative().optional(),
  }),
]);

export const secretsManagerDriver = defineDriver<{
  secret: string;
  source: string;
  target: string;
  cacheSeconds?: number | undefined;
}>({
  kind: 'secretsManager',
  settings,
  create: (given, { secretStore }) => {
    const currentOf = async (secret: string) => {
      const found = await secretStore.current(secret);
      if (found) return found;
      throw new Fault({
        code: 'secret.missing',
        summary: 'A secret is not there.',
        detail: `Secrets Manager: ${secret}`,
        hint: 'Create it with a value, or correct its name under repoint.',
      });
    };

    const observe = async () => {
      const [live, source, target] = await Promise.all([given.secret, given.source, given.target].map(currentOf));
      const before = { versionId: live?.versionId ?? '', fingerprint: live?.fingerprint ?? '' };
      if (source?.fingerprint === target?.fingerprint)
        return { at: 'foreign' as const, detail: `${given.source} and ${given.target} hold the same value.`, before };
      const at =
        live?.fingerprint === target?.fingerprint
          ? ('target' as const)
          : live?.fingerprint === source?.fingerprint
            ? ('source' as const)
            : ('foreign' as const);
      const like = {
        source: given.source,
        target: given.target,
        foreign: `neither ${given.source} nor ${given.target}`,
      };
      return { at, detail: `${given.secret} holds the value of ${like[at]}`, before };
    };

    /** The version of before is the nearest to what was; where AWS let it go, the source's own secret says the same. */
    const goBack = async (versionId: unknown, token: string): Promise<void> => {
      if (typeof versionId === 'string' && versionId !== '') {
        try {
          await secretStore.restore({ id: given.secret, versionId });
          if ((await observe()).at === 'source') return;
        } catch (error) {
          if (!(error instanceof Fault) || error.code !== 'secret.version-missing') throw error;
        }
      }
      await secretStore.copy({ from: given.source, to: given.secret, token: `${token}:undo` });
    };

    return {
      observe,
      perform: async (_captured, token) =>
        actFrom('target', await observe(), () =>
          secretStore.copy({ from: given.target, to: given.secret, token: `${token}:perform` }),
        ),
      undo: async (captured, token) => actFrom('source', await observe(), () => goBack(captured.versionId, token)),
      tailSeconds: async () => given.cacheSeconds ?? null,
    };
  },
});
