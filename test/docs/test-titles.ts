import ts from 'typescript';

/**
 * Titles of the tests of a file, each with the titles of the blocks around it: `outer › inner › title`. A table test is
 * there under its template, and, where its rows can be read off the source, under the title of each row. Tests that are
 * skipped are not there.
 */
export function testTitlesOf(source: string, fileName = 'some.spec.ts'): Set<string> {
  const file = ts.createSourceFile(fileName, source, ts.ScriptTarget.ES2023, true);
  const titles = new Set<string>();

  const visit = (node: ts.Node, around: string[]): void => {
    const call = ts.isCallExpression(node) ? testCallOf(node) : null;
    if (call === null) {
      ts.forEachChild(node, (child) => {
        visit(child, around);
      });
      return;
    }
    if (call.isSkipped) return;
    for (const outer of around) {
      for (const title of call.titles) {
        const path = outer === '' ? title : `${outer} › ${title}`;
        if (call.kind === 'test') titles.add(path);
      }
    }
    if (call.kind === 'block' && call.body) {
      const inner = around.flatMap((outer) =>
        call.titles.map((title) => (outer === '' ? title : `${outer} › ${title}`)),
      );
      visit(call.body, inner);
    }
  };
  visit(file, ['']);
  return titles;
}

/** Whether a test of this title is among them: its whole path, or the end of one. */
export function hasTitle(titles: ReadonlySet<string>, wanted: string): boolean {
  return [...titles].some((title) => title === wanted || title.endsWith(` › ${wanted}`));
}

interface TestCall {
  kind: 'test' | 'block';
  titles: string[];
  isSkipped: boolean;
  body: ts.Node | undefined;
}

function testCallOf(node: ts.CallExpression): TestCall | null {
  const [title, body] = node.arguments;
  const words = title && literalOf(title);
  if (words === undefined || !body) return null;
  let callee: ts.Expression = node.expression;
  let table: ts.Expression | undefined;
  if (ts.isCallExpression(callee)) {
    table = callee.arguments[0];
    callee = callee.expression;
  }
  const names = callee
    .getText()
    .replace(/<[^]*$/, '')
    .split('.');
  const [name = ''] = names;
  if (!/^(it|test|describe|xit|xtest|xdescribe)$/.test(name) || (table !== undefined && names.at(-1) !== 'each'))
    return null;
  return {
    kind: name.endsWith('describe') ? 'block' : 'test',
    titles: [words, ...(table === undefined ? [] : rowsOf(table).map((row) => filledIn(words, row)))],
    isSkipped: name.startsWith('x') || names.some((part) => part === 'skip' || part === 'todo' || part === 'failing'),
    body,
  };
}

/** The text of a literal, also of one that is written in pieces. */
function literalOf(node: ts.Expression): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return undefined;
  const [left, right] = [literalOf(node.left), literalOf(node.right)];
  return left === undefined || right === undefined ? undefined : left + right;
}

/** What a title can show of a cell; null where that is only known when the test runs. */
type Cell = string | null;

function rowsOf(table: ts.Expression): Cell[][] {
  return elementsOf(table).map((element) => {
    const row = resolved(element);
    return ts.isArrayLiteralExpression(row) ? elementsOf(row).map((cell) => textOf(cell)) : [textOf(element)];
  });
}

function elementsOf(expression: ts.Expression): ts.Expression[] {
  const table = resolved(expression);
  if (ts.isArrayLiteralExpression(table)) {
    return table.elements.flatMap((element) =>
      ts.isSpreadElement(element) ? elementsOf(element.expression) : [element],
    );
  }
  if (ts.isCallExpression(table) && /^Object\.(keys|entries)$/.test(table.expression.getText()) && table.arguments[0]) {
    const object = resolved(table.arguments[0]);
    if (!ts.isObjectLiteralExpression(object)) return [];
    return object.properties.flatMap((property) =>
      property.name && (ts.isStringLiteralLike(property.name) || ts.isIdentifier(property.name))
        ? [ts.factory.createStringLiteral(property.name.text)]
        : [],
    );
  }
  return [];
}

function resolved(expression: ts.Expression): ts.Expression {
  if (
    ts.isAsExpression(expression) ||
    ts.isSatisfiesExpression(expression) ||
    ts.isParenthesizedExpression(expression)
  ) {
    return resolved(expression.expression);
  }
  const constant = ts.isIdentifier(expression) ? constantOf(expression) : undefined;
  return constant === undefined ? expression : resolved(constant);
}

function textOf(expression: ts.Expression): Cell {
  const value = resolved(expression);
  if (ts.isStringLiteralLike(value) || ts.isNumericLiteral(value)) return value.text;
  if (value.kind === ts.SyntaxKind.TrueKeyword) return 'true';
  if (value.kind === ts.SyntaxKind.FalseKeyword) return 'false';
  if (value.kind === ts.SyntaxKind.NullKeyword) return 'null';
  if (ts.isIdentifier(value) && value.text === 'undefined') return 'undefined';
  return null;
}

function filledIn(template: string, row: readonly Cell[]): string {
  let position = 0;
  return template.replaceAll(/%[sdifjop]/g, (placeholder) => row[position++] ?? placeholder);
}

/** What a name stands for where it is used: the constant of the nearest block around it. */
function constantOf(name: ts.Identifier): ts.Expression | undefined {
  for (let at: ts.Node = name; !ts.isSourceFile(at);) {
    at = at.parent;
    if (!ts.isSourceFile(at) && !ts.isBlock(at)) continue;
    const declared = at.statements
      .filter(ts.isVariableStatement)
      .flatMap(({ declarationList }) => declarationList.declarations)
      .find((declaration) => ts.isIdentifier(declaration.name) && declaration.name.text === name.text);
    if (declared) return declared.initializer;
  }
  return undefined;
}
