/** Roles of a stand-in database: the application's, octank's and replication's, with the rights their real ones have. */
import type { Client } from 'pg';

export const migratorRole = 'octank_migrator';
export const replicationRole = 'octank_dms';

export interface RolesOptions {
  readonly kind: 'on-premises' | 'aurora';
  readonly database: string;
  readonly owner: string;
  /** Every LOGIN role with its password, octank's and replication's included. */
  readonly passwords: Readonly<Record<string, string>>;
}

const name = (role: string): string => `"${role.replaceAll('"', '""')}"`;
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Roles belong to the server; each is made once and takes the password of the state folder. */
export const createRoles = async (client: Client, { kind, passwords, owner }: RolesOptions): Promise<void> => {
  for (const [role, password] of Object.entries(passwords)) {
    const { rows } = await client.query('select 1 from pg_roles where rolname = $1', [role]);
    const verb = rows.length === 0 ? 'create' : 'alter';
    await client.query(`${verb} role ${name(role)} login nosuperuser password ${literal(password)}`);
  }
  const attributes = kind === 'aurora' ? 'replication createrole createdb' : 'replication';
  await client.query(`alter role ${name(migratorRole)} ${attributes}`);
  await client.query(`alter role ${name(replicationRole)} replication`);
  await client.query(`grant pg_monitor, pg_signal_backend, pg_read_all_data to ${name(migratorRole)}`);
  await client.query(`grant pg_read_all_data, pg_write_all_data to ${name(replicationRole)}`);
  for (const role of [migratorRole, replicationRole])
    await client.query(`grant set on parameter session_replication_role to ${name(role)}`);
  // The engineer may become each application role: to alter its tables, and to prove what it can no longer do.
  const admin = kind === 'aurora' ? ' with admin option' : '';
  for (const role of new Set([owner, ...Object.keys(passwords)]))
    if (role !== migratorRole && role !== replicationRole)
      await client.query(`grant ${name(role)} to ${name(migratorRole)}${admin}`);
};

/** Further roles write through the owner's tables, as ordinary batch programs do. */
const writersOf = ({ passwords, owner }: RolesOptions): readonly string[] =>
  Object.keys(passwords).filter((role) => role !== owner && role !== migratorRole && role !== replicationRole);

const tableRights = 'select, insert, update, delete';

/** Rights inside the database, for what is there and for what the owner creates later. */
export const grantRights = async (client: Client, options: RolesOptions): Promise<void> => {
  const owner = name(options.owner);
  for (const role of [options.owner, migratorRole, replicationRole])
    await client.query(`grant create, temporary on database ${name(options.database)} to ${name(role)}`);
  // AWS keeps its control tables in public, and makes tables that are missing.
  await client.query(`grant create on schema public to ${owner}, ${name(migratorRole)}, ${name(replicationRole)}`);
  const { rows } = await client.query<{ name: string }>(
    `select nspname as name from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'`,
  );
  for (const writer of writersOf(options).map(name)) {
    for (const schema of rows.map((row) => name(row.name))) {
      await client.query(`grant usage on schema ${schema} to ${writer}`);
      await client.query(`grant ${tableRights} on all tables in schema ${schema} to ${writer}`);
      await client.query(`grant usage, select on all sequences in schema ${schema} to ${writer}`);
    }
    await client.query(`alter default privileges for role ${owner} grant usage on schemas to ${writer}`);
    await client.query(`alter default privileges for role ${owner} grant ${tableRights} on tables to ${writer}`);
    await client.query(`alter default privileges for role ${owner} grant usage, select on sequences to ${writer}`);
  }
};
