/** SNS: topics, and what was published to them, kept for the lab. behaviour.md, section SNS. */
import { randomUUID } from 'node:crypto';
import { type QueryService, type RunningService, type ServiceContext, ServiceError } from '../service.ts';

export interface PublishedMessage {
  readonly messageId: string;
  readonly topicArn: string;
  readonly subject: string | null;
  readonly message: string;
  /** Scaled epoch ms. */
  readonly at: number;
}

interface SnsState {
  readonly topics: Record<string, { readonly createdAt: number }>;
  messages: PublishedMessage[];
}

export interface Sns extends RunningService {
  messages(): readonly PublishedMessage[];
  createTopic(name: string): Promise<string>;
  /** False when there is no such topic: who publishes from inside AWS (an alarm) does not fail by it. */
  publish(topicArn: string, subject: string, message: string): Promise<boolean>;
}

const keptMessages = 1000;
const pageSize = 100;

export const createSns = async (context: ServiceContext): Promise<Sns> => {
  const state = (await context.store.load<SnsState>('sns')) ?? { topics: {}, messages: [] };
  const save = (): Promise<void> => context.store.save('sns', state);
  const arnOf = (name: string): string => `arn:aws:sns:${context.region}:${context.accountId}:${name}`;

  const createTopic = async (name: string): Promise<string> => {
    if (!/^[\w-]{1,256}$/.test(name)) throw new ServiceError('InvalidParameter', 'Invalid parameter: Topic Name');
    const arn = arnOf(name);
    if (!state.topics[arn]) {
      state.topics[arn] = { createdAt: context.clock.now() };
      await save();
    }
    return arn;
  };

  const requireTopic = (arn: string | undefined): string => {
    if (!arn || !/^arn:aws[\w-]*:sns:[\w-]+:\d{12}:[\w-]+$/.test(arn))
      throw new ServiceError('InvalidParameter', 'Invalid parameter: TopicArn');
    if (!state.topics[arn]) throw new ServiceError('NotFound', 'Topic does not exist', { status: 404 });
    return arn;
  };

  const keep = async (topicArn: string, subject: string | null, message: string): Promise<string> => {
    const messageId = randomUUID();
    state.messages = [...state.messages, { messageId, topicArn, subject, message, at: context.clock.now() }].slice(
      -keptMessages,
    );
    await save();
    return messageId;
  };

  const publish = async (input: Readonly<Record<string, string>>): Promise<object> => {
    const arn = requireTopic(input.TopicArn ?? input.TargetArn);
    const subject = input.Subject;
    if (subject !== undefined && (subject.length < 1 || subject.length > 100 || /[\n\r]/.test(subject)))
      throw new ServiceError('InvalidParameter', 'Invalid parameter: Subject');
    if (!input.Message) throw new ServiceError('InvalidParameter', 'Invalid parameter: Empty message');
    if (Buffer.byteLength(input.Message) > 256 * 1024)
      throw new ServiceError('InvalidParameter', 'Invalid parameter: Message too long');
    return { MessageId: await keep(arn, subject ?? null, input.Message) };
  };

  const listTopics = async (input: Readonly<Record<string, string>>): Promise<object> => {
    const all = Object.keys(state.topics).sort();
    const from = Number(input.NextToken ?? 0);
    const next = from + pageSize;
    return {
      Topics: all.slice(from, next).map((TopicArn) => ({ TopicArn })),
      ...(next < all.length ? { NextToken: String(next) } : {}),
    };
  };

  const attributes = async (input: Readonly<Record<string, string>>): Promise<object> => {
    const arn = requireTopic(input.TopicArn);
    return {
      Attributes: new Map([
        ['TopicArn', arn],
        ['Owner', context.accountId],
        ['DisplayName', ''],
        ['SubscriptionsConfirmed', '0'],
        ['SubscriptionsPending', '0'],
        ['SubscriptionsDeleted', '0'],
      ]),
    };
  };

  const service: QueryService = {
    protocol: 'query',
    scope: 'sns',
    version: '2010-03-31',
    operations: {
      CreateTopic: async (input) => ({ TopicArn: await createTopic(input.Name ?? '') }),
      ListTopics: listTopics,
      GetTopicAttributes: attributes,
      Publish: publish,
    },
  };
  return {
    service,
    messages: () => state.messages,
    createTopic,
    publish: async (topicArn, subject, message) => {
      if (!state.topics[topicArn]) return false;
      await keep(topicArn, subject.slice(0, 100), message);
      return true;
    },
    stop: save,
  };
};
