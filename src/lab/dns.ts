/** One question to the rehearsal's name server over UDP, asked again when it is lost. */

import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { decode, encode, RECURSION_DESIRED } from 'dns-packet';

export interface DnsAnswer {
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL`; `TIMEOUT` when nobody answered. */
  readonly code: string;
  /** In the order given, with CNAMEs followed by the server. */
  readonly addresses: readonly { readonly address: string; readonly ttlSeconds: number }[];
}

export interface DnsClient {
  ask(name: string, type?: 'A' | 'AAAA'): Promise<DnsAnswer>;
  close(): void;
}

const attempts = 3;
const attemptMs = 500;

/** All questions share one socket; answers are told apart by their id and question. */
export const openDns = (server: { readonly host: string; readonly port: number }): DnsClient => {
  const waiting = new Map<number, { readonly name: string; readonly settle: (answer: DnsAnswer) => void }>();
  const socket: Socket = createSocket('udp4');
  socket.unref();
  socket.on('error', () => undefined);
  socket.on('message', (bytes) => {
    try {
      const packet = decode(bytes);
      const asked = waiting.get(packet.id ?? -1);
      if (!asked || packet.questions?.[0]?.name.toLowerCase() !== asked.name.toLowerCase()) return;
      asked.settle({
        code: 'rcode' in packet ? String(packet.rcode) : 'NOERROR',
        addresses: (packet.answers ?? []).flatMap((answer) =>
          answer.type === 'A' || answer.type === 'AAAA' ? [{ address: answer.data, ttlSeconds: answer.ttl ?? 0 }] : [],
        ),
      });
    } catch {
      // Not a DNS packet: as if it had been lost.
      return;
    }
  });

  const once = (name: string, type: 'A' | 'AAAA'): Promise<DnsAnswer> =>
    new Promise((resolve) => {
      let id = randomInt(65_536);
      while (waiting.has(id)) id = randomInt(65_536);
      const settle = (answer: DnsAnswer): void => {
        clearTimeout(timer);
        waiting.delete(id);
        resolve(answer);
      };
      const timer = setTimeout(() => settle({ code: 'TIMEOUT', addresses: [] }), attemptMs);
      waiting.set(id, { name, settle });
      const bytes = encode({ type: 'query', id, flags: RECURSION_DESIRED, questions: [{ type, name }] });
      socket.send(bytes, server.port, server.host, (error) => {
        if (error) settle({ code: 'TIMEOUT', addresses: [] });
      });
    });

  return {
    ask: async (name, type = 'A') => {
      let answer: DnsAnswer = { code: 'TIMEOUT', addresses: [] };
      for (let attempt = 0; attempt < attempts && answer.code === 'TIMEOUT'; attempt++) answer = await once(name, type);
      return answer;
    },
    close: () => {
      for (const { settle } of waiting.values()) settle({ code: 'TIMEOUT', addresses: [] });
      socket.close();
    },
  };
};
