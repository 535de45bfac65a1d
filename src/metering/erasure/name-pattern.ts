import { agreementKeyOf, licenseIdOf } from '../../subscription/chain/aws-names.js';
import { type StandingName } from './erasure-scope.sql.js';

/**
 * Pure. A regular expression, alike to Postgres and to JavaScript, for these names in a text, in whatever form they
 * were printed; null where none is known any more. A name inside a longer one is another: `l-1` is not in `l-12`.
 */
export function namePatternOf(names: readonly Pick<StandingName, 'kind' | 'name' | 'event_form'>[]): string | null {
  const forms = names.flatMap(({ kind, name, event_form: eventForm }) =>
    [name, eventForm].flatMap((form) => (form === null ? [] : [formOf(kind, form)])),
  );
  return forms.length === 0 ? null : `(?<![A-Za-z0-9-])(?:${[...new Set(forms)].sort().join('|')})(?![A-Za-z0-9-])`;
}

function formOf(kind: StandingName['kind'], name: string): string {
  switch (kind) {
    case 'agreement':
      return agreementKeyOf(name) === name ? escaped(name) : `agmn?t-${escaped(agreementKeyOf(name))}`;
    case 'license': {
      const id = licenseIdOf(name);
      return id.startsWith('l-') ? `(?:l|lic)-${escaped(id.slice(2))}` : escaped(id);
    }
    default:
      return escaped(name);
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
