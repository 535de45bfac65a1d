import ts from 'typescript';

/**
 * Types that a public signature names and the public face does not export, each as `where: Type`. A host that keeps
 * such a value in a field of its own could not write down its type.
 */
export function hiddenTypes(face: string, options: ts.CompilerOptions, isOurs: (file: string) => boolean): string[] {
  const program = ts.createProgram([face], options);
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(face);
  const module = file && checker.getSymbolAtLocation(file);
  if (!module) throw new Error(`${face} exports nothing`);
  const resolved = (symbol: ts.Symbol): ts.Symbol =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const exported = new Set(checker.getExportsOfModule(module).map(resolved));
  const hidden = new Set<string>();

  const see = (where: string, symbol: ts.Symbol | undefined): void => {
    const target = symbol && resolved(symbol);
    if (!target || exported.has(target) || target.flags & ts.SymbolFlags.TypeParameter) return;
    const isNamed = /^\w+$/.test(target.name) && !target.name.startsWith('__');
    if (
      isNamed &&
      target.declarations?.some(
        (declaration) => isTopLevel(declaration) && isOurs(declaration.getSourceFile().fileName),
      )
    )
      hidden.add(`${where}: ${target.name}`);
  };
  const seeNode = (where: string, node: ts.Node): void => {
    if (ts.isTypeReferenceNode(node)) see(where, checker.getSymbolAtLocation(node.typeName));
    if (ts.isExpressionWithTypeArguments(node)) see(where, checker.getSymbolAtLocation(node.expression));
    // The keys of a value are words of their own; nobody needs the value to write them down.
    const isKeysOnly = ts.isTypeOperatorNode(node.parent) && node.parent.operator === ts.SyntaxKind.KeyOfKeyword;
    if (ts.isTypeQueryNode(node) && !isKeysOnly) see(where, checker.getSymbolAtLocation(node.exprName));
    ts.forEachChild(node, (child) => {
      seeNode(where, child);
    });
  };
  const seeType = (where: string, node: ts.Node): void => {
    const made = checker.typeToTypeNode(checker.getTypeAtLocation(node), node, ts.NodeBuilderFlags.NoTruncation);
    const names = (part: ts.Node): void => {
      const name = ts.isTypeReferenceNode(part) ? (part.typeName as ts.Node & { symbol?: ts.Symbol }) : undefined;
      see(where, name?.symbol);
      ts.forEachChild(part, names);
    };
    if (made) names(made);
  };
  const seeSignature = (where: string, node: ts.SignatureDeclaration): void => {
    for (const part of [...(node.typeParameters ?? []), ...node.parameters.map(({ type }) => type), node.type])
      if (part) seeNode(where, part);
    if (!node.type && !ts.isConstructorDeclaration(node)) seeType(where, node);
  };
  const seeClass = (where: string, node: ts.ClassDeclaration): void => {
    for (const part of node.heritageClauses ?? [])
      if (part.token === ts.SyntaxKind.ExtendsKeyword) seeNode(where, part);
    const isInjected = ts.canHaveDecorators(node) && (ts.getDecorators(node) ?? []).length > 0;
    for (const member of node.members) {
      const name = `${where}.${member.name?.getText() ?? 'constructor'}`;
      const flags = ts.getCombinedModifierFlags(member);
      if (flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) continue;
      // What Nest hands to a provider is no host's to give.
      if (ts.isConstructorDeclaration(member) && isInjected) continue;
      if (ts.isPropertyDeclaration(member)) {
        if (member.type) seeNode(name, member.type);
        else seeType(name, member);
      } else if (ts.isFunctionLike(member)) seeSignature(name, member);
    }
  };

  for (const symbol of exported) {
    for (const declaration of symbol.declarations ?? []) {
      const where = symbol.name;
      if (ts.isClassDeclaration(declaration)) seeClass(where, declaration);
      else if (ts.isFunctionDeclaration(declaration)) seeSignature(where, declaration);
      else if (ts.isInterfaceDeclaration(declaration) || ts.isTypeAliasDeclaration(declaration))
        seeNode(where, declaration);
      else if (ts.isVariableDeclaration(declaration)) {
        if (declaration.type) seeNode(where, declaration.type);
        else seeType(where, declaration);
      }
    }
  }
  return [...hidden].sort();
}

function isTopLevel(declaration: ts.Declaration): boolean {
  return ts.isSourceFile(ts.isVariableDeclaration(declaration) ? declaration.parent.parent.parent : declaration.parent);
}
