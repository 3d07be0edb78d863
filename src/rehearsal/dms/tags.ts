/** Tags of any DMS resource. */
import type { JsonInput } from '../service.ts';
import type { Tag } from './records.ts';
import type { Room } from './registry.ts';
import { invalidValue, list, notFound, optionalText, text } from './request.ts';

export const tagsIn = (input: JsonInput): readonly Tag[] =>
  list(input, 'Tags').map((given) => {
    const { Key, Value } = given as Partial<Tag>;
    if (typeof Key !== 'string' || Key === '') throw invalidValue('A tag needs a Key');
    return { Key, Value: Value ?? '' };
  });

const requireResource = (room: Room, arn: string): void => {
  const known = room.tasks.has(arn) || room.endpoints.has(arn) || room.instances.has(arn);
  const isGroup = [...room.subnetGroups.keys()].some((name) => arn.endsWith(`:subgrp:${name}`));
  if (!known && !isGroup) throw notFound(`The resource ${arn} could not be found.`);
};

export const tagOperations = (room: Room) => ({
  AddTagsToResource: async (input: JsonInput) => {
    const arn = text(input, 'ResourceArn');
    requireResource(room, arn);
    const added = new Map([...(room.tags.get(arn) ?? []), ...tagsIn(input)].map((tag) => [tag.Key, tag]));
    room.tags.set(arn, [...added.values()]);
    await room.save();
    return {};
  },
  RemoveTagsFromResource: async (input: JsonInput) => {
    const arn = text(input, 'ResourceArn');
    requireResource(room, arn);
    const removed = new Set(list(input, 'TagKeys').map(String));
    room.tags.set(
      arn,
      (room.tags.get(arn) ?? []).filter((tag) => !removed.has(tag.Key)),
    );
    await room.save();
    return {};
  },
  ListTagsForResource: async (input: JsonInput) => {
    const one = optionalText(input, 'ResourceArn');
    const arns = one === null ? list(input, 'ResourceArnList').map(String) : [one];
    for (const arn of arns) requireResource(room, arn);
    return { TagList: arns.flatMap((arn) => (room.tags.get(arn) ?? []).map((tag) => ({ ...tag, ResourceArn: arn }))) };
  },
});
