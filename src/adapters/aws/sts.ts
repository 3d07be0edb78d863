/** Who octank is at AWS, and where each client talks to. */
import type { Identity } from '../../ports/identity.ts';
import type { AwsClients } from './clients.ts';
import { calling, required } from './faults.ts';

export const createIdentity = (clients: AwsClients): Identity => ({
  whoami: async () => {
    const { sdk, client } = await clients.get('sts');
    const call = { service: 'STS', operation: 'GetCallerIdentity', mutates: false };
    const answer = await calling(call, () => client.send(new sdk.GetCallerIdentityCommand({})));
    return {
      account: required(answer.Account, call, 'Account'),
      arn: required(answer.Arn, call, 'Arn'),
      userId: answer.UserId ?? '',
    };
  },
  endpoints: () => clients.endpoints(),
});
