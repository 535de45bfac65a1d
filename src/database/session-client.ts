import type pg from 'pg';
import { LedgerClient } from './ledger-client.js';
import { inSchema } from './ledger-schema.js';
import { type LedgerSession, type PasswordSource } from './ledger-session.js';

/** What of `pg.Client` its types do not say. */
interface StartingClient {
  password: string | PasswordSource | null;
  getStartupConf(): Record<string, string>;
  query(...query: unknown[]): unknown;
}

/** The class of the pool's connections. */
export function clientClassOf(session: LedgerSession): typeof pg.Client {
  return class SessionClient extends LedgerClient {
    constructor(...configuration: ConstructorParameters<typeof LedgerClient>) {
      super(...configuration);
      const self = this as unknown as StartingClient;
      // pg asks a function for each new connection; but what a URL says, also an empty password, would stand over it.
      if (session.password) self.password = session.password;
      const startUpOf = self.getStartupConf.bind(this);
      self.getStartupConf = () => ({ ...startUpOf(), ...session.startUp });
      const send = self.query.bind(this);
      self.query = (query, ...rest) =>
        send(typeof query === 'string' ? inSchema(query, session.schema) : query, ...rest);
    }
  };
}
