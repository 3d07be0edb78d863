/** Notifications by SNS. A message that cannot be sent is told to `onFailure` and never fails a run. */
import { type Fault, toFault } from '../../model/fault.ts';
import type { Notify } from '../../ports/notify.ts';
import type { AwsClients } from './clients.ts';
import { calling } from './faults.ts';

/** AWS's limits: subject in printable ASCII up to 100 characters; a message up to 256 KB, cut well before. */
const subjectOf = (text: string): string => text.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 100);
const mostBody = 60_000;

export const createNotify = (options: {
  readonly clients: AwsClients;
  /** Null: nobody is to be told. */
  readonly topicArn: string | null;
  readonly onFailure: (fault: Fault) => void;
}): Notify => ({
  send: async ({ subject, body }) => {
    if (options.topicArn === null) return;
    try {
      const { sdk, client } = await options.clients.get('sns');
      await calling({ service: 'SNS', operation: 'Publish', mutates: true }, () =>
        client.send(
          new sdk.PublishCommand({
            TopicArn: options.topicArn ?? undefined,
            Subject: subjectOf(subject),
            Message: body.slice(0, mostBody),
          }),
        ),
      );
    } catch (error) {
      options.onFailure(toFault(error));
    }
  },
});
