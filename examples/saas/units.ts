const DECIMALS = 12;

/** Units in 10^-12: sums of them are exact, which sums of numbers are not. */
export type Units = bigint;

export function unitsOf(quantity: string | number): Units {
  const plain = /^(-?)(\d+)(?:\.(\d{1,12}))?$/.exec(String(quantity));
  if (!plain) throw new RangeError(`not a quantity: ${quantity}`);
  const [, sign = '', whole = '', fraction = ''] = plain;
  const units = BigInt(whole + fraction.padEnd(DECIMALS, '0'));
  return sign === '-' ? -units : units;
}

export function textOf(units: Units): string {
  const digits = String(units < 0n ? -units : units).padStart(DECIMALS + 1, '0');
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, '');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -DECIMALS)}${fraction === '' ? '' : `.${fraction}`}`;
}

export function sum(units: Iterable<Units>): Units {
  let total = 0n;
  for (const value of units) total += value;
  return total;
}
