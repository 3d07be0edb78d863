import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectRoot } from '../testing/dist.ts';
import { generatedFiles, staleFiles } from './generate.ts';

let root: string;
let commands: string;

const put = (path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};

const putCommand = (path: string, body: string): void => put(`commands/${path}`, `export default ${body};\n`);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'octank-generate-'));
  commands = join(root, 'commands');
  mkdirSync(commands);
  put('package.json', '{ "type": "module" }');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('generated files', () => {
  it('the schemas that are committed are what the code says', async () => {
    const files = new Map(await generatedFiles(projectRoot, commands));
    // Commands come from a build, which this test has not; `npm run generate -- --check` compares them.
    files.delete('commands.snapshot.json');
    files.delete('README.md');
    expect(staleFiles(projectRoot, files)).toEqual([]);
  });

  it('names what is missing, what was changed, and what nothing makes any more', async () => {
    const files = await generatedFiles(root, commands);
    expect(staleFiles(root, files)).toEqual([...files.keys()]);
    for (const [name, text] of files) put(name, text);
    expect(staleFiles(root, files)).toEqual([]);
    put('schemas/plan.schema.json', '{}\n');
    put('schemas/old.schema.json', '{}\n');
    expect(staleFiles(root, files)).toEqual(['schemas/plan.schema.json', 'schemas/old.schema.json']);
  });

  it('notices a flag that is renamed, but not help that is reworded', async () => {
    const snapshot = async () => (await generatedFiles(root, commands)).get('commands.snapshot.json');
    putCommand('a/first.js', `{ flags: { wave: { type: 'option', description: 'one' } } }`);
    const before = await snapshot();
    putCommand('a/second.js', `{ flags: { wave: { type: 'option', description: 'other words' } } }`);
    putCommand('a/third.js', `{ flags: { waves: { type: 'option', description: 'one' } } }`);
    const [first, second, third] = JSON.parse((await snapshot()) ?? '[]');
    expect(JSON.parse(before ?? '[]')).toEqual([first]);
    expect(second.flags).toEqual(first.flags);
    expect(third.flags).not.toEqual(first.flags);
    expect(first.command).toBe('a first');
  });

  it("fills the README's table between its markers and leaves the rest alone", async () => {
    putCommand(
      'migrate/apply.js',
      `{ summary: 'Perform | continue', args: { plan: { required: true } }, flags: { until: { type: 'option', options: ['a', 'b'] } } }`,
    );
    put('README.md', 'before\n<!-- commands -->\nold\n<!-- commandsstop -->\nafter $& \n');
    const text = (await generatedFiles(root, commands)).get('README.md');
    expect(text).toContain('| `octank migrate apply PLAN [--until a\\|b]` | Perform \\| continue |');
    expect(text).toMatch(/^before\n<!-- commands -->\n[\s\S]*<!-- commandsstop -->\nafter \$& \n$/);
    expect(text).not.toContain('old');
    put('README.md', 'no markers\n');
    expect((await generatedFiles(root, commands)).has('README.md')).toBe(false);
  });
});
