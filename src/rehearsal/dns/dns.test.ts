/** behaviour.md, section DNS: choice rules as tables and properties, packets over real sockets. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import packet, { type DecodedPacket } from 'dns-packet';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordSet } from '../services/route53/records.ts';
import { type TestRehearsal, testRehearsal } from '../testing.ts';
import { answerQuestion, chooseWeighted, type Dice } from './answer.ts';

const set = (id: string, weight: number, healthCheckId?: string): RecordSet => ({
  name: 'www.octank.com.',
  type: 'A',
  setIdentifier: id,
  weight,
  ttlSeconds: 60,
  values: ['192.0.2.1'],
  ...(healthCheckId === undefined ? {} : { healthCheckId }),
});

const dice = (random: number, sick: readonly string[] = []): Dice => ({
  random: () => random,
  isHealthy: (id) => !sick.includes(id),
});
const everyPoint = Array.from({ length: 100 }, (_, index) => index / 100);
const chosen = (group: readonly RecordSet[], sick: readonly string[] = []): string[] => [
  ...new Set(everyPoint.map((point) => chooseWeighted(group, dice(point, sick))?.setIdentifier ?? '')),
];

describe('the choice in a weighted group', () => {
  it('D2 draws in proportion', () => {
    const draws = everyPoint.map((point) => chooseWeighted([set('a', 95), set('b', 5)], dice(point))?.setIdentifier);
    expect(draws.filter((id) => id === 'b').length).toBe(5);
  });

  const cases: readonly [string, RecordSet[], string[], string[]][] = [
    ['zero is never drawn beside a healthy one', [set('a', 1), set('b', 0)], [], ['a']],
    ['all zero are equal', [set('a', 0), set('b', 0)], [], ['a', 'b']],
    ['a zero answers when every other is sick: the trap', [set('a', 255, 'h'), set('b', 0)], ['h'], ['b']],
    ['sick ones are left out', [set('a', 1, 'h'), set('b', 1)], ['h'], ['b']],
    ['none healthy: all count as healthy', [set('a', 1, 'h'), set('b', 0, 'h')], ['h'], ['a']],
  ];
  it.each(cases)('D2 %s', (_name, group, sick, expected) => {
    expect(chosen(group, sick)).toEqual(expected);
  });

  it('D2 never answers a zero weight while another is healthy, whatever the weights and the dice', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 6 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (weights, point) => {
          const group = weights.map((weight, index) => set(String(index), weight));
          const answer = chooseWeighted(group, dice(point));
          return answer !== undefined && (answer.weight !== 0 || weights.every((weight) => weight === 0));
        },
      ),
    );
  });
});

describe('answers', () => {
  const soa: RecordSet = {
    name: 'octank.com.',
    type: 'SOA',
    ttlSeconds: 900,
    values: ['ns-1.octank-dns.test. h.octank-dns.test. 1 7200 900 1209600 86400'],
  };
  const simple = (name: string, type: RecordSet['type'], value: string): RecordSet => ({
    name,
    type,
    ttlSeconds: 60,
    values: [value],
  });
  const records: RecordSet[] = [
    soa,
    simple('www.octank.com.', 'CNAME', 'App.octank.com'),
    simple('app.octank.com.', 'A', '192.0.2.1'),
    simple('out.octank.com.', 'CNAME', 'elsewhere.example'),
    simple('loop.octank.com.', 'CNAME', 'loop.octank.com'),
    simple('deep.down.octank.com.', 'A', '192.0.2.2'),
    simple('*.wild.octank.com.', 'A', '192.0.2.3'),
    {
      name: 'alias.octank.com.',
      type: 'A',
      values: [],
      alias: { zoneId: 'Z', dnsName: 'app.octank.com.', evaluateTargetHealth: false },
    },
  ];
  const ask = (name: string, type = 'A') =>
    answerQuestion(
      { name, type },
      (asked) => (asked.endsWith('octank.com.') ? { zone: 'octank.com.', records } : undefined),
      dice(0),
    );

  const cases: readonly [string, string, string, string[]][] = [
    ['www.octank.com', 'A', 'NOERROR', ['www.octank.com. CNAME App.octank.com', 'app.octank.com. A 192.0.2.1']],
    ['WWW.Octank.com', 'CNAME', 'NOERROR', ['WWW.Octank.com. CNAME App.octank.com']],
    ['out.octank.com', 'A', 'NOERROR', ['out.octank.com. CNAME elsewhere.example']],
    ['alias.octank.com', 'A', 'NOERROR', ['alias.octank.com. A 192.0.2.1']],
    ['a.b.wild.octank.com', 'A', 'NOERROR', ['a.b.wild.octank.com. A 192.0.2.3']],
    ['app.octank.com', 'AAAA', 'NOERROR', []],
    ['down.octank.com', 'A', 'NOERROR', []],
    ['gone.octank.com', 'A', 'NXDOMAIN', []],
    ['octank.org', 'A', 'REFUSED', []],
    ['loop.octank.com', 'A', 'SERVFAIL', []],
  ];
  it.each(cases)('D3 D4 D5 %s %s is %s', (name, type, code, answers) => {
    const found = ask(name, type);
    expect([found.code, found.answers.map((one) => `${one.name} ${one.type} ${one.value}`)]).toEqual([code, answers]);
    const isAbsence = code === 'NXDOMAIN' || (code === 'NOERROR' && answers.length === 0);
    expect(found.authority.map((one) => one.type)).toEqual(isAbsence ? ['SOA'] : []);
  });
});

describe('on the wire', () => {
  let test: TestRehearsal;
  beforeAll(async () => {
    test = await testRehearsal({
      zones: [
        {
          name: 'octank.com',
          records: [
            { name: 'www', type: 'A', ttl: 60, values: ['203.0.113.10'], setIdentifier: 'on-premises', weight: 230 },
            { name: 'www', type: 'A', ttl: 60, values: ['198.51.100.20'], setIdentifier: 'cloud', weight: 26 },
            {
              name: 'big',
              type: 'TXT',
              ttl: 60,
              values: Array.from({ length: 12 }, (_, index) => `"${String(index).padStart(120, 'x')}"`),
            },
          ],
        },
      ],
    });
  });
  afterAll(() => test.stop());

  const query = (name: string, type: 'A' | 'TXT', edns = false): Buffer =>
    packet.encode({
      type: 'query',
      id: 7,
      flags: packet.RECURSION_DESIRED,
      questions: [{ name, type, class: 'IN' }],
      additionals: edns
        ? [
            {
              type: 'OPT',
              name: '.',
              udpPayloadSize: 4096,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ]
        : [],
    });

  const overUdp = (bytes: Buffer): Promise<DecodedPacket> =>
    new Promise((resolve, reject) => {
      const socket = createSocket('udp4');
      const { host, port } = test.rehearsal.endpoint.dns;
      const timer = setTimeout(() => reject(new Error('no answer')), 5000);
      socket.once('message', (answer) => {
        clearTimeout(timer);
        socket.close();
        resolve(packet.decode(answer));
      });
      socket.send(bytes, port, host);
    });

  const overTcp = (bytes: Buffer): Promise<DecodedPacket> =>
    new Promise((resolve, reject) => {
      const { host, port } = test.rehearsal.endpoint.dns;
      const socket = connect(port, host, () => {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(bytes.length);
        // In two parts: the length and the message need not come together.
        socket.write(length);
        socket.write(bytes);
      });
      let received: Buffer = Buffer.alloc(0);
      socket.on('error', reject);
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
        socket.destroy();
        resolve(packet.decode(received.subarray(2)));
      });
    });

  it('D1 D2 answers by weight, each query drawn anew', async () => {
    const answers: DecodedPacket[] = [];
    // A few at a time: UDP drops what a full socket buffer cannot hold.
    for (let round = 0; round < 20; round += 1)
      answers.push(...(await Promise.all(Array.from({ length: 20 }, () => overUdp(query('www.octank.com', 'A'))))));
    const cloud = answers.filter((one) =>
      one.answers?.some((answer) => answer.type === 'A' && answer.data === '198.51.100.20'),
    ).length;
    // 26 of 256 of 400 is 41; six standard errors to each side.
    expect(cloud).toBeGreaterThan(41 - 36);
    expect(cloud).toBeLessThan(41 + 36);
    expect(answers[0]?.answers?.[0]).toMatchObject({ ttl: 60, name: 'www.octank.com' });
    expect(answers[0]).toMatchObject({ id: 7, flag_aa: true, flag_rd: true });
  });

  it('D3 says NXDOMAIN with the SOA that makes it last', async () => {
    const answer = await overUdp(query('gone.octank.com', 'A'));
    expect((answer as unknown as { rcode: string }).rcode).toBe('NXDOMAIN');
    expect(answer.authorities?.[0]).toMatchObject({ type: 'SOA', ttl: 900, data: { minimum: 86_400 } });
  });

  it('D4 truncates what does not fit, and gives it whole by EDNS and by TCP', async () => {
    const short = await overUdp(query('big.octank.com', 'TXT'));
    expect([short.flag_tc, short.answers?.length]).toEqual([true, 0]);
    expect((await overUdp(query('big.octank.com', 'TXT', true))).answers?.length).toBe(12);
    expect((await overTcp(query('big.octank.com', 'TXT'))).answers?.length).toBe(12);
  });

  it('lives through packets that are none', async () => {
    const answer = await overUdp(
      Buffer.concat([query('www.octank.com', 'A').subarray(0, 14), Buffer.from([255, 255])]),
    );
    expect((answer as unknown as { rcode: string }).rcode).toBe('FORMERR');
    const socket = createSocket('udp4');
    const { host, port } = test.rehearsal.endpoint.dns;
    await new Promise((resolve) => socket.send(Buffer.from([1, 2, 3]), port, host, resolve));
    socket.close();
    expect((await overUdp(query('www.octank.com', 'A'))).answers?.length).toBe(1);
  });
});
