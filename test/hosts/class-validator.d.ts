// The hosts under test have it; here it is not installed.
declare module 'class-validator' {
  export function IsString(): PropertyDecorator;
  export function IsBoolean(): PropertyDecorator;
}
