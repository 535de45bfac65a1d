import { hasTitle } from './test-titles.js';

/** One promise of docs/acceptance.md, and the tests that show it. */
export interface AcceptanceRow {
  section: string;
  id: string;
  tests: { file: string; title: string }[];
  /** Where it stands, and what is wrong with how it is written. */
  line: number;
  malformed: string[];
}

const ENTRY = /^`((?:packages\/simulator\/)?test\/[\w./-]+\.spec\.ts)` (\S.*)$/;

/**
 * Reads the tables: the first cell is the id, the last one holds the tests, apart by `<br>`, each as `` `file` title
 * ``.
 */
export function parseAcceptance(markdown: string): AcceptanceRow[] {
  let section = '';
  const lines = markdown.split('\n');
  return lines.flatMap((line, index): AcceptanceRow[] => {
    if (line.startsWith('## ')) section = line.slice(3).trim();
    const isHeader = /^\|[\s:|-]+\|$/.test(lines[index + 1] ?? '');
    if (!line.startsWith('|') || /^\|[\s:|-]+\|$/.test(line) || isHeader) return [];
    const cells = line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('\\|', '|'));
    const entries = (cells.at(-1) ?? '').split('<br>').map((entry) => entry.trim());
    const tests = entries.flatMap((entry) => {
      const match = ENTRY.exec(entry);
      return match ? [{ file: match[1] ?? '', title: match[2] ?? '' }] : [];
    });
    const malformed = entries.filter((entry) => !ENTRY.test(entry));
    return [{ section, id: (cells[0] ?? '').replaceAll('`', ''), tests, line: index + 1, malformed }];
  });
}

export interface Requirements {
  /** Ids that each section must have, and has no others of. */
  ids: Readonly<Record<string, readonly string[]>>;
  /** Titles of the tests of a file, or null if there is no such file. */
  titlesOf: (file: string) => ReadonlySet<string> | null;
  /** Ids of which one test at least must bear this in its title. */
  nameOf?: (row: AcceptanceRow) => RegExp | null;
}

/** Everything that is wrong with the page, a line each; nothing when it holds. */
export function acceptanceProblems(
  rows: readonly AcceptanceRow[],
  { ids, titlesOf, nameOf = () => null }: Requirements,
): string[] {
  const problems: string[] = [];
  for (const [section, required] of Object.entries(ids)) {
    const present = rows.filter((row) => row.section === section).map((row) => row.id);
    problems.push(...required.filter((id) => !present.includes(id)).map((id) => `"${section}" lacks ${id}`));
    problems.push(
      ...present.filter((id) => !required.includes(id)).map((id) => `"${section}" names ${id}, which there is not`),
    );
    problems.push(
      ...present.filter((id, index) => present.indexOf(id) !== index).map((id) => `"${section}" names ${id} twice`),
    );
  }
  for (const { section, id } of rows)
    if (!(section in ids)) problems.push(`${id} stands in "${section}", which is no section of requirements`);
  for (const row of rows) {
    const where = `line ${row.line}, ${row.id}:`;
    for (const entry of row.malformed) problems.push(`${where} "${entry}" is no test`);
    for (const { file, title } of row.tests) {
      const titles = titlesOf(file);
      if (titles === null) problems.push(`${where} there is no ${file}`);
      else if (!hasTitle(titles, title)) problems.push(`${where} ${file} has no test "${title}"`);
    }
    const name = nameOf(row);
    if (
      name !== null &&
      !row.tests.some(
        ({ file, title }) =>
          name.test(title) || [...(titlesOf(file) ?? [])].some((path) => name.test(path) && path.endsWith(title)),
      )
    ) {
      problems.push(`${where} none of its tests is named so`);
    }
  }
  return problems;
}
