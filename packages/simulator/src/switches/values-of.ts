/** For every switch of a group several values, the default first. */
export type ValuesOf<Group> = { readonly [Name in keyof Group]: readonly [Group[Name], ...Group[Name][]] };
