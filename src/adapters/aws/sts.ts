/** Who octank is at AWS, and where each client talks to. */
import type { Identity } from '../../ports/identity.ts';
import type { AwsClients } from './clients.ts';
import { calling } from './faults.ts';

export const createIdentity = (clients: AwsClients): Identity => ({
  whoami: async () => {
    const { sdk, client } = await clients.get('sts');
    const answer = await calling({ service: 'STS', operation: 'GetCallerIdentity', mutates: false }, () =>
      client.send(new sdk.GetCallerIdentityCommand({})),
    );
    return { account: answer.Account ?? '', arn: answer.Arn ?? '', userId: answer.UserId ?? '' };
  },
  endpoints: () => clients.endpoints(),
});
