/** DNS packets: a question decoded, an answer encoded, truncated where it does not fit. behaviour.md D4. */
import packet, { type Answer, type Packet } from 'dns-packet';
import type { DnsAnswer, Resource } from './answer.ts';

export interface Query {
  readonly id: number;
  readonly flags: number;
  readonly name: string;
  readonly type: string;
  /** What the asker can take over UDP. */
  readonly maxBytes: number;
  readonly hasEdns: boolean;
}

/** A packet that cannot be answered at all, or is an answer itself, is dropped: undefined. */
export const decodeQuery = (bytes: Buffer): Query | 'malformed' | undefined => {
  let decoded: Packet;
  try {
    decoded = packet.decode(bytes);
  } catch {
    return bytes.length >= 12 && ((bytes[2] ?? 0) & 0x80) === 0 ? 'malformed' : undefined;
  }
  if (decoded.type !== 'query') return undefined;
  const [question] = decoded.questions ?? [];
  if (!question || (decoded.questions?.length ?? 0) !== 1) return 'malformed';
  const edns = decoded.additionals?.find((one) => one.type === 'OPT');
  return {
    id: decoded.id ?? 0,
    flags: decoded.flags ?? 0,
    name: question.name,
    type: question.type,
    maxBytes: Math.max(512, edns && 'udpPayloadSize' in edns ? edns.udpPayloadSize : 512),
    hasEdns: edns !== undefined,
  };
};

const codes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

const bare = (name: string): string => (name === '.' ? '.' : name.replace(/\.$/, ''));

/** `"a" "b\"c"` as the strings between the quotes. */
const quotedStrings = (value: string): string[] =>
  [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => (match[1] ?? '').replace(/\\(.)/g, '$1'));

const encodeResource = (resource: Resource): Answer | undefined => {
  const common = { name: bare(resource.name), ttl: resource.ttlSeconds, class: 'IN' as const };
  const words = resource.value.split(/\s+/);
  switch (resource.type) {
    case 'A':
    case 'AAAA':
      return { ...common, type: resource.type, data: resource.value };
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return { ...common, type: resource.type, data: bare(resource.value) };
    case 'TXT':
      return { ...common, type: 'TXT', data: quotedStrings(resource.value) };
    case 'MX':
      return { ...common, type: 'MX', data: { preference: Number(words[0]), exchange: bare(words[1] ?? '') } };
    case 'SRV':
      return {
        ...common,
        type: 'SRV',
        data: {
          priority: Number(words[0]),
          weight: Number(words[1]),
          port: Number(words[2]),
          target: bare(words[3] ?? ''),
        },
      };
    case 'SOA':
      return {
        ...common,
        type: 'SOA',
        data: {
          mname: bare(words[0] ?? ''),
          rname: bare(words[1] ?? ''),
          serial: Number(words[2]),
          refresh: Number(words[3]),
          retry: Number(words[4]),
          expire: Number(words[5]),
          minimum: Number(words[6]),
        },
      };
    default:
      return undefined;
  }
};

const opt: Answer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: 1232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

export const encodeAnswer = (query: Query, answer: DnsAnswer, maxBytes: number): Buffer => {
  const build = (answers: readonly Resource[], authority: readonly Resource[], flags: number): Buffer =>
    packet.encode({
      type: 'response',
      id: query.id,
      flags: flags | (query.flags & packet.RECURSION_DESIRED) | codes[answer.code],
      questions: [{ name: query.name, type: query.type as Answer['type'] & 'A', class: 'IN' }],
      answers: answers.flatMap((one) => encodeResource(one) ?? []),
      authorities: authority.flatMap((one) => encodeResource(one) ?? []),
      additionals: query.hasEdns ? [opt] : [],
    });
  const authoritative = answer.code === 'REFUSED' ? 0 : packet.AUTHORITATIVE_ANSWER;
  const whole = build(answer.answers, answer.authority, authoritative);
  return whole.length <= maxBytes ? whole : build([], [], authoritative | packet.TRUNCATED_RESPONSE);
};

export const encodeFormatError = (bytes: Buffer): Buffer => {
  const header = Buffer.alloc(12);
  bytes.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8000 | codes.FORMERR, 2);
  return header;
};
