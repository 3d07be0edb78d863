/** A run as one self-contained HTML file: a fold of its journal, for people who were not there. */
import type { ReportInput } from '../report-input.ts';
import { renderDocument } from './document.ts';
import { figures, rollback, top, troubles } from './sections/overview.ts';
import { gates, parity } from './sections/proof.ts';
import { approvals, findings, foot, journal, steps } from './sections/record.ts';
import { replication } from './sections/replication.ts';
import { timeline } from './sections/timeline.ts';
import { traffic } from './sections/traffic.ts';

/** In reading order: how it ended, what needs somebody, then the proof, then the record. */
const sections = [
  top,
  figures,
  troubles,
  rollback,
  timeline,
  traffic,
  replication,
  parity,
  gates,
  approvals,
  findings,
  steps,
  journal,
  foot,
] as const;

export const renderHtml = (input: ReportInput): string =>
  renderDocument({ title: `${input.planName}: migration report`, body: sections.map((section) => section(input)) });
