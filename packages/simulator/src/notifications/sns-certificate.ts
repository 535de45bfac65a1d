import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** What the simulator signs its SNS messages with. It signs nothing real, and is gone with the process. */
export interface SnsSigner {
  readonly privateKey: KeyObject;
  /** PEM; issued to itself. */
  readonly certificate: string;
  /**
   * Where the certificate lies, in the form of AWS's own: 32 hexadecimal digits. They are of the certificate, since a
   * receiver keeps what a URL gave, and a restarted simulator has another one under the same address.
   */
  readonly certificatePath: string;
}

const SHA256_WITH_RSA = '2a864886f70d01010b';
const ORGANIZATION_NAME = '55040a';
const COMMON_NAME = '550403';

let made: SnsSigner | undefined;

/** Of this process; made when first asked for, since making an RSA key takes longer than starting. */
export function snsSigner(): SnsSigner {
  made ??= newSigner();
  return made;
}

function newSigner(): SnsSigner {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const certificate = selfSigned(publicKey.export({ type: 'spki', format: 'der' }), privateKey);
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  const fingerprint = createHash('sha256').update(certificate).digest('hex').slice(0, 32);
  return {
    privateKey,
    certificate: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
    certificatePath: `/SimpleNotificationService-${fingerprint}.pem`,
  };
}

/** An X.509 certificate of version 1 [RFC 5280, 4.1], which Node reads but does not make. */
function selfSigned(subjectPublicKeyInfo: Buffer, privateKey: KeyObject): Buffer {
  const algorithm = sequence(der(0x06, Buffer.from(SHA256_WITH_RSA, 'hex')), der(0x05));
  const name = sequence(
    attribute(ORGANIZATION_NAME, 'Marketplace simulator test certificate (signs nothing real)'),
    attribute(COMMON_NAME, 'sns.amazonaws.com'),
  );
  const validity = sequence(der(0x17, '200101000000Z'), der(0x18, '21270101000000Z'));
  const content = sequence(der(0x02, Buffer.of(1)), algorithm, name, validity, name, subjectPublicKeyInfo);
  const signature = sign('sha256', content, privateKey);
  return sequence(content, algorithm, der(0x03, Buffer.concat([Buffer.of(0), signature])));
}

const attribute = (type: string, value: string): Buffer =>
  der(0x31, sequence(der(0x06, Buffer.from(type, 'hex')), der(0x0c, value)));

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, Buffer.concat(parts));

/** A value of ASN.1 under DER: tag, length, content. */
function der(tag: number, content: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(content);
  const { length } = bytes;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), bytes]);
}
