/**
 * Has `work` done in one line, and in another for each `beginAnother` of a line that expects more, `most` at a time.
 * Lines that all began at once would each look for the one batch that most runs find. One that has failed keeps its
 * place, and another begins for it: what it met, as a connection that is lost, ends a line and not all work.
 * @throws what the first to fail threw, once all have ended
 */
export async function workInLines(most: number, work: (beginAnother: () => void) => Promise<void>): Promise<void> {
  const lines: Promise<void>[] = [];
  const failures: unknown[] = [];
  let places = most;
  const begin = (): void => {
    if (places === 0) return;
    places -= 1;
    lines.push(
      work(begin).then(
        () => {
          places += 1;
        },
        (error: unknown) => {
          failures.push(error);
          begin();
        },
      ),
    );
  };
  begin();
  // Those that begin meanwhile are waited for as well.
  for (const line of lines) await line;
  if (failures.length > 0) throw failures[0];
}
