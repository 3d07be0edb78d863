/** Puts statements in an order in which each finds what it needs; ties keep the order they came in. */

export interface Ordered {
  readonly object: string;
  readonly needs: readonly string[];
}

/** Depth first. In a cycle (a default that calls a function over the table's own row type) the first one wins and the server judges. */
export const inOrder = <T extends Ordered>(items: readonly T[]): readonly T[] => {
  const byObject = new Map(items.map((item) => [item.object, item]));
  const placed = new Set<string>();
  const done: T[] = [];
  // An explicit stack: chains of views and partitions may be longer than the call stack likes.
  for (const root of items) {
    const stack: { item: T; next: number }[] = [{ item: root, next: 0 }];
    if (placed.has(root.object)) continue;
    placed.add(root.object);
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { item: T; next: number };
      const need = top.item.needs[top.next];
      top.next += 1;
      if (need === undefined) {
        done.push(top.item);
        stack.pop();
        continue;
      }
      const item = byObject.get(need);
      if (!item || placed.has(need)) continue;
      placed.add(need);
      stack.push({ item, next: 0 });
    }
  }
  return done;
};
