/** The name servers of Route 53 as one UDP and TCP port on loopback: each query is answered by one of them, drawn anew. behaviour.md, section DNS. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import type { DnsAnswer } from './answer.ts';
import { decodeQuery, encodeAnswer, encodeFormatError } from './packets.ts';

export interface DnsServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  stop(): Promise<void>;
}

export interface DnsServerOptions {
  /** 0 picks one that is free for both. */
  readonly port: number;
  readonly answer: (question: { readonly name: string; readonly type: string }) => DnsAnswer;
  log(line: string): void;
}

const host = '127.0.0.1';
const tcpIdleMs = 10_000;

const respond = (options: DnsServerOptions, bytes: Buffer, overTcp: boolean): Buffer | undefined => {
  const query = decodeQuery(bytes);
  if (query === undefined) return undefined;
  if (query === 'malformed') return encodeFormatError(bytes);
  try {
    return encodeAnswer(query, options.answer(query), overTcp ? 65_535 : query.maxBytes);
  } catch (error) {
    options.log(`dns: ${query.name} ${query.type}: ${error instanceof Error ? error.message : String(error)}`);
    return encodeAnswer(query, { code: 'SERVFAIL', answers: [], authority: [] }, 512);
  }
};

const serveTcp = (options: DnsServerOptions, socket: Socket): void => {
  let received: Buffer = Buffer.alloc(0);
  socket.setTimeout(tcpIdleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const answer = respond(options, received.subarray(2, end), true);
      received = received.subarray(end);
      if (!answer) continue;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([length, answer]));
    }
  });
};

const bindUdp = (port: number): Promise<UdpSocket> =>
  new Promise((resolve, reject) => {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1024 * 1024 });
    socket.once('error', reject);
    socket.bind(port, host, () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });

const listenTcp = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });

const attempts = 10;

export const startDnsServer = async (options: DnsServerOptions): Promise<DnsServer> => {
  for (let attempt = 1; ; attempt += 1) {
    const udp = await bindUdp(options.port);
    const { port } = udp.address();
    const sockets = new Set<Socket>();
    const tcp = createServer((socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      serveTcp(options, socket);
    });
    try {
      await listenTcp(tcp, port);
    } catch (error) {
      udp.close();
      // A port that is free for UDP may be taken for TCP.
      if (options.port !== 0 || attempt === attempts) throw error;
      continue;
    }
    udp.on('error', (error) => options.log(`dns: ${error.message}`));
    udp.on('message', (bytes, from) => {
      const answer = respond(options, bytes, false);
      if (answer) udp.send(answer, from.port, from.address);
    });
    return {
      host,
      port,
      stop: async () => {
        for (const socket of sockets) socket.destroy();
        await Promise.all([
          new Promise<void>((resolve) => udp.close(() => resolve())),
          new Promise<void>((resolve) => tcp.close(() => resolve())),
        ]);
      },
    };
  }
};
