/** Joins catalog rows to object ids, and pg_depend to what each object uses. */
import type { ObjectId } from '../../../../model/schema.ts';

export interface Dependency {
  readonly class: string;
  readonly oid: string;
  readonly usedClass: string;
  readonly used: string;
  readonly type: string;
}

export interface Alias {
  readonly class: string;
  readonly oid: string;
  readonly ownerClass: string;
  readonly owner: string;
}

export class Identities {
  readonly #ids = new Map<string, ObjectId>();
  readonly #aliases = new Map<string, string>();
  readonly #members = new Map<string, string>();
  readonly #uses = new Map<ObjectId, Set<ObjectId>>();

  readonly #classes: ReadonlyMap<string, string>;
  readonly #dependencies: readonly Dependency[];

  /** `classes`: catalog name -> its oid. */
  constructor(classes: ReadonlyMap<string, string>, aliases: readonly Alias[], dependencies: readonly Dependency[]) {
    this.#classes = classes;
    this.#dependencies = dependencies;
    for (const row of aliases) this.#aliases.set(`${row.class}:${row.oid}`, `${row.ownerClass}:${row.owner}`);
    for (const row of dependencies) {
      const key = `${row.class}:${row.oid}`;
      if (row.type === 'e') this.#members.set(key, `${row.usedClass}:${row.used}`);
      // What the server made inside another object (a range's constructors and cast) is that object.
      if (row.type === 'i' && !this.#aliases.has(key)) this.#aliases.set(key, `${row.usedClass}:${row.used}`);
    }
  }

  key(catalog: string, oid: string): string {
    return `${this.#classes.get(catalog) ?? catalog}:${oid}`;
  }

  isMember(key: string): boolean {
    return this.#members.has(key);
  }

  name(key: string, id: ObjectId): void {
    this.#ids.set(key, id);
  }

  /** Follows aliases (array type -> element type -> row type -> table) to an object; a member stands for its extension. */
  idOf(key: string): ObjectId | undefined {
    let at = key;
    for (let hops = 0; hops < 8; hops += 1) {
      const member = this.#members.get(at);
      if (member) return this.#ids.get(member);
      const id = this.#ids.get(at);
      if (id) return id;
      const next = this.#aliases.get(at);
      if (!next) return undefined;
      at = next;
    }
    return undefined;
  }

  /** Call once all objects have their names. */
  link(): void {
    for (const row of this.#dependencies) {
      if (row.type === 'e') continue;
      const from = this.idOf(`${row.class}:${row.oid}`);
      const to = this.idOf(`${row.usedClass}:${row.used}`);
      if (!from || !to || from === to) continue;
      const uses = this.#uses.get(from) ?? new Set();
      uses.add(to);
      this.#uses.set(from, uses);
    }
  }

  usesOf(id: ObjectId): readonly ObjectId[] {
    return [...(this.#uses.get(id) ?? [])].sort();
  }
}
