/** The slot that a task reads: the endpoint's own by name, or one made for the task. behaviour.md C1-C4. */
import { type Client, messageOf, sqlState } from './sql.ts';
import { FatalTaskError } from './writer.ts';

export type PluginName = 'test-decoding' | 'pglogical' | 'no-preference';

export interface SlotChoice {
  readonly name: string;
  readonly own: boolean;
}

interface SlotRow {
  readonly plugin: string;
  readonly wal_status: string | null;
  readonly active: boolean;
}

const find = async (client: Client, name: string): Promise<SlotRow | undefined> =>
  (
    await client.query<SlotRow>(
      'select plugin, wal_status, active from pg_replication_slots where slot_name = $1 and database = current_database()',
      [name],
    )
  ).rows[0];

/** The named slot must be there, readable by us and not lost. */
export const requireSlot = async (client: Client, name: string): Promise<void> => {
  const slot = await find(client, name);
  if (!slot) throw new FatalTaskError(`Cannot find the slot '${name}' on the source database.`);
  if (slot.plugin !== 'test_decoding')
    throw new FatalTaskError(`The slot '${name}' has the plugin '${slot.plugin}', not the endpoint's 'test_decoding'.`);
  if (slot.wal_status === 'lost')
    throw new FatalTaskError(`The slot '${name}' was invalidated: its log was removed (max_slot_wal_keep_size).`);
};

const pluginInUse = (preference: PluginName): readonly string[] =>
  ({
    'test-decoding': ['test_decoding'],
    pglogical: ['pglogical_output'],
    'no-preference': ['pglogical_output', 'test_decoding'],
  })[preference];

export const dropSlot = async (client: Client, name: string): Promise<void> => {
  // A reader that has just been stopped may hold it for a moment.
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      await client.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1', [
        name,
      ]);
      return;
    } catch (error) {
      if (sqlState(error) !== '55006' || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
};

/** Makes the task's own slot anew; waits for transactions that are open, at most `timeoutSeconds`. */
export const createOwnSlot = async (
  client: Client,
  options: { readonly name: string; readonly plugin: PluginName; readonly timeoutSeconds: number },
): Promise<SlotChoice> => {
  await dropSlot(client, options.name);
  const candidates = pluginInUse(options.plugin);
  await client.query(`set statement_timeout = ${Math.max(1, options.timeoutSeconds) * 1000}`);
  try {
    for (const [index, plugin] of candidates.entries()) {
      try {
        await client.query('select pg_create_logical_replication_slot($1, $2)', [options.name, plugin]);
        // pglogical where it is installed would be read in another format, which this engine does not speak.
        if (plugin === 'test_decoding') return { name: options.name, own: true };
        await dropSlot(client, options.name);
      } catch (error) {
        const isAbsent = ['58P01', '42704', '0A000'].includes(sqlState(error));
        if (!isAbsent || index === candidates.length - 1)
          throw new FatalTaskError(
            `Failed to create the slot '${options.name}' with plugin '${plugin}': ${messageOf(error)}`,
          );
      }
    }
  } finally {
    await client.query('set statement_timeout = 0');
  }
  throw new FatalTaskError(
    `The plugin 'pglogical' is not supported by the rehearsal; set PluginName to test-decoding.`,
  );
};
