/** Writes the files that follow from the code: JSON Schemas, the snapshot of commands, the README's table. `--check` only compares. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { jsonSchema } from '../plan/index.ts';
import { outputSchemas } from '../report/json-types.ts';
import { catalog } from './catalog.ts';
import { builtEntry, packageRoot } from './settings.ts';

/** What is read of a command class; oclif's own types stay in commands/. */
interface FlagShape {
  readonly type: 'boolean' | 'option';
  readonly char?: string;
  readonly description?: string;
  readonly summary?: string;
  readonly options?: readonly string[];
  readonly multiple?: boolean;
  readonly required?: boolean;
  readonly hidden?: boolean;
  readonly default?: unknown;
  readonly helpValue?: string;
}

interface ArgShape {
  readonly required?: boolean;
  readonly description?: string;
}

interface CommandShape {
  readonly summary?: string;
  readonly hidden?: boolean;
  readonly flags?: Readonly<Record<string, FlagShape>>;
  readonly args?: Readonly<Record<string, ArgShape>>;
}

interface FoundCommand {
  /** `migrate apply`. */
  readonly name: string;
  readonly command: CommandShape;
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const modulesUnder = (folder: string): readonly string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return modulesUnder(path);
    return entry.name.endsWith('.js') ? [path] : [];
  });

const loadCommands = async (folder: string): Promise<readonly FoundCommand[]> => {
  const found = await Promise.all(
    modulesUnder(folder).map(async (path): Promise<FoundCommand> => {
      const { default: command } = (await import(pathToFileURL(path).href)) as { default: CommandShape };
      const name = relative(folder, path)
        .replace(/\.js$/, '')
        .split(/[\\/]/)
        .filter((part) => part !== 'index');
      return { name: name.join(' '), command };
    }),
  );
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
};

const byName = <T>(record: Readonly<Record<string, T>> | undefined): readonly (readonly [string, T])[] =>
  Object.entries(record ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));

/** What scripts depend on: names, what is required, what values are allowed. Words of help are free to change. */
const snapshotOf = ({ name, command }: FoundCommand): object => ({
  command: name,
  args: Object.entries(command.args ?? {}).map(([arg, { required }]) => ({ name: arg, required: required === true })),
  flags: byName(command.flags).map(([flag, shape]) => ({
    name: flag,
    type: shape.type,
    ...(shape.char ? { char: shape.char } : {}),
    ...(shape.required ? { required: true } : {}),
    ...(shape.multiple ? { multiple: true } : {}),
    ...(shape.options ? { options: shape.options.join('|') } : {}),
    ...(typeof shape.default === 'string' || typeof shape.default === 'number' ? { default: shape.default } : {}),
  })),
});

const flagUsage = ([name, flag]: readonly [string, FlagShape]): string => {
  const value = flag.type === 'boolean' ? '' : ` ${flag.helpValue ?? flag.options?.join('|') ?? 'VALUE'}`;
  const text = `--${name}${value}${flag.multiple ? '...' : ''}`;
  return flag.required ? text : `[${text}]`;
};

const tableOf = (commands: readonly FoundCommand[]): string => {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const rows = commands
    .filter(({ command }) => !command.hidden)
    .map(({ name, command }) => {
      const args = Object.entries(command.args ?? {}).map(([arg, { required }]) =>
        required ? arg.toUpperCase() : `[${arg.toUpperCase()}]`,
      );
      const flags = byName(command.flags).filter(([, flag]) => !flag.hidden);
      const usage = ['octank', name, ...args, ...flags.map(flagUsage)].join(' ');
      return `| \`${cell(usage)}\` | ${cell(command.summary ?? '')} |`;
    });
  return ['| command | what it does |', '|---|---|', ...rows].join('\n');
};

const markers = /(<!-- commands -->\n)[\s\S]*?(<!-- commandsstop -->)/;

/** The README with its table made anew; null where there is no README or it has no markers. */
const readmeWith = (root: string, commands: readonly FoundCommand[]): string | null => {
  const path = join(root, 'README.md');
  if (!existsSync(path)) return null;
  const text = readFileSync(path, 'utf8');
  return markers.test(text)
    ? text.replace(markers, (_, start: string, stop: string) => `${start}${tableOf(commands)}\n${stop}`)
    : null;
};

/** Path inside the package -> text. */
export const generatedFiles = async (root: string, commandsFolder: string): Promise<ReadonlyMap<string, string>> => {
  const commands = await loadCommands(commandsFolder);
  const readme = readmeWith(root, commands);
  return new Map([
    ['octank.schema.json', json(jsonSchema(catalog))],
    ...Object.entries(outputSchemas).map(
      ([name, schema]) =>
        [
          `schemas/${name}`,
          // As input: a validator of today must accept what a later octank adds.
          json({
            ...z.toJSONSchema(schema, { io: 'input' }),
            title: `octank ${name.replace('.schema.json', ' output')}`,
          }),
        ] as const,
    ),
    ['commands.snapshot.json', json(commands.map(snapshotOf))],
    ...(readme === null ? [] : ([['README.md', readme]] as const)),
  ]);
};

/** Names of files that differ from what the code says, are missing, or lie in schemas/ without anything that makes them. */
export const staleFiles = (root: string, files: ReadonlyMap<string, string>): readonly string[] => {
  const differing = [...files].flatMap(([name, text]) => {
    const path = join(root, name);
    return existsSync(path) && readFileSync(path, 'utf8') === text ? [] : [name];
  });
  const schemas = join(root, 'schemas');
  const orphans = existsSync(schemas)
    ? readdirSync(schemas)
        .map((name) => `schemas/${name}`)
        .filter((name) => !files.has(name))
    : [];
  return [...differing, ...orphans];
};

const writeFiles = (root: string, files: ReadonlyMap<string, string>): void => {
  for (const [name, text] of files) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
};

const main = async (): Promise<void> => {
  const root = packageRoot();
  const files = await generatedFiles(root, builtEntry('commands'));
  if (process.argv.includes('--check')) {
    const stale = staleFiles(root, files);
    if (stale.length === 0) return;
    process.stderr.write(`Not as the code says: ${stale.join(', ')}\n  -> npm run generate\n`);
    process.exitCode = 1;
    return;
  }
  writeFiles(root, files);
  const left = staleFiles(root, files);
  process.stdout.write(`${[...files.keys()].join('\n')}\n`);
  if (left.length > 0) process.stderr.write(`No longer made by anything, to be deleted: ${left.join(', ')}\n`);
};

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
