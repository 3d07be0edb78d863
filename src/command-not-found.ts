/** What oclif calls for a command that does not exist: names the nearest one and ends as wrong usage; it never runs a guess. */
import { Errors, type Hook } from '@oclif/core';
import { nearest } from './plan/nearest.ts';

const usage = 3;

/** Inside a topic that exists, its own commands; else whole names, and for `aply` the last word of each. */
const suggestionFor = (words: readonly string[], known: readonly string[]): string | undefined => {
  const [first = '', second = ''] = words;
  const inTopic = known.filter((name) => name.startsWith(`${first} `));
  if (inTopic.length > 0) {
    const meant = nearest(
      second,
      inTopic.map((name) => name.slice(first.length + 1)),
    );
    return meant === undefined ? undefined : `${first} ${meant}`;
  }
  const byLastWord = new Map(known.map((name) => [name.split(' ').at(-1) ?? name, name]));
  return (
    nearest(`${first} ${second}`.trim(), known) ??
    nearest(first, known) ??
    byLastWord.get(nearest(first, [...byLastWord.keys()]) ?? '')
  );
};

export const commandNotFound: Hook.CommandNotFound = async ({ id, config }) => {
  // oclif cannot know where the command ends and its arguments begin: no command of ours has more than two words.
  const words = id.split(':').slice(0, 2);
  const known = config.commands.filter(({ hidden }) => !hidden).map((command) => command.id.replaceAll(':', ' '));
  const meant = suggestionFor(words, known);
  const [topic = ''] = words;
  const help = config.findTopic(topic) ? `octank ${topic} --help` : 'octank --help';
  const question = meant === undefined ? '' : ` Did you mean octank ${meant}?`;
  throw new Errors.CLIError(`There is no command octank ${words.join(' ')}.${question}`, {
    exit: usage,
    suggestions: [...(meant === undefined ? [] : [`octank ${meant}`]), help],
  });
};
