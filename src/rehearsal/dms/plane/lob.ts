/** LOB modes as expressions for the full load and as cuts for change capture. behaviour.md F11, F12, F14. */
import type { LobPolicy } from '../settings.ts';
import type { CatalogColumn, MappedTable } from './catalog.ts';
import { quoteName } from './sql.ts';

const isCharacter = (column: CatalogColumn): boolean => column.isText;

/** More than the limit in bytes. The stored size is asked first where the exact one costs a conversion. */
export const exceeds = (column: CatalogColumn, bytes: number): string => {
  const name = quoteName(column.name);
  if (isCharacter(column) || column.castType === 'bytea') return `octet_length(${name}) > ${bytes}`;
  const mayBeLarge = `pg_column_size(${name}) > ${Math.floor(bytes / 8)} or pg_column_compression(${name}) is not null`;
  return `((${mayBeLarge}) and octet_length(${name}::text) > ${bytes})`;
};

const cut = (column: CatalogColumn, bytes: number): string => {
  const name = quoteName(column.name);
  if (column.castType === 'bytea') return `substring(${name} from 1 for ${bytes})`;
  // AWS reserves four bytes for a character as soon as one may need them.
  const characters = `case when octet_length(${name}::text) = length(${name}::text) then ${bytes} else ${Math.floor(bytes / 4)} end`;
  return `left(${name}::text, ${characters})`;
};

export interface LoadColumn {
  readonly expression: string;
  /** The expression's type is the column's own, so that its binary form may be used. */
  readonly keepsType: boolean;
}

export const loadColumn = (column: CatalogColumn, lob: LobPolicy, hasKey: boolean): LoadColumn => {
  const name = quoteName(column.name);
  if (column.isBareNumeric)
    return { expression: `case when scale(${name}) > 6 then round(${name}, 6) else ${name} end`, keepsType: true };
  if (!column.isLob) return { expression: name, keepsType: true };
  if (lob.mode === 'none') return { expression: 'null', keepsType: false };
  if (lob.mode === 'limited')
    return {
      expression: `case when ${exceeds(column, lob.maxBytes)} then ${cut(column, lob.maxBytes)} else ${name}${isCharacter(column) || column.castType === 'bytea' ? '' : '::text'} end`,
      keepsType: isCharacter(column) || column.castType === 'bytea',
    };
  if (!hasKey && lob.inlineBytes === 0) return { expression: 'null', keepsType: false };
  if (lob.inlineBytes >= Number.MAX_SAFE_INTEGER) return { expression: name, keepsType: true };
  return { expression: `case when ${exceeds(column, lob.inlineBytes)} then null else ${name} end`, keepsType: true };
};

export const lobColumns = (table: MappedTable): MappedTable['columns'] =>
  table.columns.filter((column) => column.source.isLob);

/** Columns whose large values follow by a second statement. */
export const lateColumns = (table: MappedTable, lob: LobPolicy): MappedTable['columns'] =>
  lob.mode === 'full' && lob.inlineBytes < Number.MAX_SAFE_INTEGER && table.key.length > 0 ? lobColumns(table) : [];

/** Cuts a value as limited mode does; what fits passes untouched. */
export const cutValue = (value: string, column: CatalogColumn, lob: LobPolicy): string | null => {
  if (!column.isLob || lob.mode === 'full') return value;
  if (lob.mode === 'none') return null;
  if (column.castType === 'bytea')
    return value.length - 2 > lob.maxBytes * 2 ? value.slice(0, 2 + lob.maxBytes * 2) : value;
  if (value.length * 4 <= lob.maxBytes) return value;
  const bytes = Buffer.byteLength(value);
  if (bytes <= lob.maxBytes) return value;
  const characters = bytes === value.length ? lob.maxBytes : Math.floor(lob.maxBytes / 4);
  return [...value].slice(0, characters).join('');
};
