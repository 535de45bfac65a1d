import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** What stands above a declaration: its paragraphs, and its tags by name. */
export interface Docstring {
  paragraphs: readonly string[];
  tags: Readonly<Record<string, string>>;
}

/** A member of an interface, with the text of its type. */
export interface DocumentedMember extends Docstring {
  name: string;
  type: string;
}

export interface DocumentedInterface extends Docstring {
  members: readonly DocumentedMember[];
}

const root = new URL('../../', import.meta.url);

/** The text of a file of the repository. */
export function sourceOf(file: string): string {
  return readFileSync(new URL(file, root), 'utf8');
}

/** Absolute path of a file of the repository. */
export function pathOf(file: string): string {
  return fileURLToPath(new URL(file, root));
}

/** The interfaces that a text declares, by name, with what a hover shows of them and of their members. */
export function interfacesIn(text: string): ReadonlyMap<string, DocumentedInterface> {
  const file = ts.createSourceFile('source.ts', text, ts.ScriptTarget.Latest, true);
  return new Map(
    file.statements.filter(ts.isInterfaceDeclaration).map((declaration) => [
      declaration.name.text,
      {
        ...docstringOf(declaration),
        members: declaration.members.filter(ts.isPropertySignature).map((member) => ({
          ...docstringOf(member),
          name: ts.isStringLiteral(member.name) ? member.name.text : member.name.getText(file),
          type: member.type?.getText(file) ?? '',
        })),
      },
    ]),
  );
}

function docstringOf(node: ts.Node): Docstring {
  const comment = ts.getJSDocCommentsAndTags(node).find(ts.isJSDoc);
  const text = ts.getTextOfJSDocComment(comment?.comment) ?? '';
  return {
    paragraphs: text.split(/\n\s*\n/).flatMap((paragraph) => (paragraph.trim() === '' ? [] : [oneLine(paragraph)])),
    tags: Object.fromEntries(
      (comment?.tags ?? []).map((tag) => [tag.tagName.text, oneLine(ts.getTextOfJSDocComment(tag.comment) ?? '')]),
    ),
  };
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
