/** The page around the sections: its head and its style, with nothing that is fetched from anywhere. */
import { html, Markup, type Part } from './markup.ts';

const style = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --raised: #f7f8f9; --ink: #16191d; --soft: #5b6570; --rule: #e3e6ea; --faint: #eff1f3; --idle: #b3bcc6;
  --target: #0f6f6a; --source: #6a7a8c; --good: #1f7a3d; --warn: #a8590a; --bad: #b3261e;
  --good-tint: #e8f4ec; --warn-tint: #fbf0e1; --bad-tint: #fbe9e7;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --raised: #1b1f23; --ink: #e8eaec; --soft: #9aa4ae; --rule: #2c3238; --faint: #22272c; --idle: #4c565f;
    --target: #4fb8ae; --source: #8b9aab; --good: #6cc587; --warn: #e0a24f; --bad: #f0857b;
    --good-tint: #19301f; --warn-tint: #35270f; --bad-tint: #3a1c19;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 56px 40px 72px; max-width: 1120px; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
}
h1 { margin: 0 0 16px; font-size: 34px; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; }
h2 { margin: 0 0 16px; font-size: 19px; font-weight: 650; letter-spacing: -0.005em; }
h3 { margin: 24px 0 8px; font-size: 15px; font-weight: 650; }
p { margin: 0 0 8px; }
section { margin-top: 48px; }
.eyebrow { margin: 0 0 6px; color: var(--soft); font-size: 13px; letter-spacing: 0.06em; text-transform: uppercase; }
.lead { max-width: 68ch; font-size: 18px; line-height: 1.5; }
.muted, .note, time { color: var(--soft); }
.muted, .note { font-size: 13px; }
.absent { color: var(--soft); font-style: italic; }
code, pre { font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
pre { margin: 0; padding: 16px; background: var(--raised); border-radius: 6px; }
.badge { display: inline-block; padding: 2px 9px; border-radius: 999px; background: var(--faint); font-size: 12.5px; line-height: 1.5; font-weight: 600; letter-spacing: 0; white-space: nowrap; vertical-align: middle; }
h1 .badge { margin-left: 6px; padding: 4px 14px; font-size: 15px; }
.tone-good { color: var(--good); } .tone-warn { color: var(--warn); } .tone-bad { color: var(--bad); }
.badge.tone-good { background: var(--good-tint); } .badge.tone-warn { background: var(--warn-tint); } .badge.tone-bad { background: var(--bad-tint); }
.figures { display: grid; grid-template-columns: repeat(var(--columns, 4), minmax(0, 1fr)); gap: 28px 32px; margin-top: 36px; padding: 28px 0; border-top: 1px solid var(--rule); border-bottom: 1px solid var(--rule); }
.figure dt { color: var(--soft); font-size: 13px; }
.figure dd { margin: 2px 0 0; font-size: 27px; line-height: 1.25; font-weight: 600; letter-spacing: -0.015em; }
.figure dd.unmeasured { padding: 6px 0 2px; color: var(--soft); font-size: 17px; font-weight: 500; letter-spacing: 0; }
.figure dd.note { margin: 0; font-size: 13px; line-height: 1.45; font-weight: 400; letter-spacing: 0; }
.card { margin: 0 0 12px; padding: 14px 18px; background: var(--raised); border-left: 3px solid var(--rule); border-radius: 0 6px 6px 0; color: var(--ink); overflow-wrap: anywhere; }
.card.tone-bad { border-left-color: var(--bad); } .card.tone-warn { border-left-color: var(--warn); }
.card p:last-child { margin: 0; }
.meta { color: var(--soft); font-size: 13px; } .meta time { float: right; }
.next span { margin-right: 6px; color: var(--soft); font-size: 13px; }
dl { margin: 0; } dd { margin: 0; }
.facts { display: flex; flex-wrap: wrap; gap: 4px 40px; margin-top: 10px; } .facts dt { color: var(--soft); font-size: 13px; } .facts dd { font-weight: 600; }
.rows div { display: grid; grid-template-columns: 140px 1fr; padding: 5px 0; border-bottom: 1px solid var(--faint); } .rows dt { color: var(--soft); } .rows dd { overflow-wrap: anywhere; }
table { width: 100%; margin: 0 0 8px; border-collapse: collapse; font-size: 13.5px; }
th { padding: 6px 14px 6px 0; border-bottom: 1px solid var(--rule); color: var(--soft); font-size: 12.5px; font-weight: 500; text-align: left; vertical-align: bottom; }
td { padding: 6px 14px 6px 0; border-bottom: 1px solid var(--faint); vertical-align: top; overflow-wrap: break-word; }
th:last-child, td:last-child { padding-right: 0; }
th.n, td.n { text-align: right; white-space: nowrap; } td.zero { color: var(--soft); }
.gates td:nth-child(4) { width: 146px; padding-top: 2px; padding-bottom: 2px; } .steps td:first-child { width: 30%; } .steps td:nth-child(3) { white-space: nowrap; } .samples td { max-width: 260px; } .steps td, .findings td, .samples td, .gates td:last-child { overflow-wrap: anywhere; } .samples code { background: var(--faint); white-space: break-spaces; } .findings td:first-child { width: 104px; } .findings td:nth-child(2) { width: 240px; }
.notes { margin: 8px 0 0; padding-left: 18px; color: var(--soft); font-size: 13px; }
figure { margin: 0 0 28px; } figcaption { margin-bottom: 8px; font-weight: 600; } figcaption span { margin-left: 6px; color: var(--soft); font-size: 13px; font-weight: 400; }
.legend { display: inline-flex; gap: 18px; float: right; margin: 2px 14px 0 0; padding: 0; list-style: none; font-size: 13px; font-weight: 400; }
.legend li { color: var(--soft); } .legend i { display: inline-block; width: 18px; margin-right: 7px; vertical-align: middle; border-top: 2px solid; }
.legend i.dashed { border-top-style: dashed; } .legend i.dots { width: 8px; height: 8px; border: 0; border-radius: 50%; }
svg { display: block; width: 100%; height: auto; overflow: visible; } svg.strip { width: 132px; }
svg text { fill: var(--ink); font: 12px system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif; }
svg text.axis { fill: var(--soft); font-size: 11.5px; } svg .grid, svg .tick { stroke: var(--faint); } svg .base, svg .tick { stroke: var(--rule); }
.hue-target { --hue: var(--target); } .hue-source { --hue: var(--source); } .hue-good { --hue: var(--good); }
.hue-warn { --hue: var(--warn); } .hue-bad { --hue: var(--bad); } .hue-muted { --hue: var(--idle); }
.legend i { border-color: var(--hue); } .legend i.dots { background: var(--hue); }
.curve { fill: none; stroke: var(--hue); stroke-width: 2; stroke-linejoin: round; } .curve.dashed { stroke-dasharray: 5 4; }
.dot, .bar { fill: var(--hue); } .band { fill: var(--hue); opacity: 0.16; } .mark { stroke: var(--hue); stroke-width: 1.2; stroke-dasharray: 3 3; }
svg text.flag { fill: var(--hue); font-size: 11.5px; } .limit { stroke: var(--bad); stroke-dasharray: 3 3; opacity: 0.7; }
circle.dot { stroke: var(--paper); stroke-width: 1.5; } .strip circle.dot { stroke-width: 0.8; }
details summary { cursor: pointer; } details summary h2, details summary h3 { display: inline; margin: 0; } details[open] summary { margin-bottom: 16px; }
footer { margin-top: 56px; padding-top: 16px; border-top: 1px solid var(--rule); color: var(--soft); font-size: 13px; }
@media screen and (max-width: 760px) { body { padding: 28px 18px 48px; } .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); } section { overflow-x: auto; } .legend { float: none; display: flex; flex-wrap: wrap; } }
@page { margin: 16mm 14mm; }
@media print {
  :root { color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 10pt; } .figure dd { font-size: 20px; } .figure dd.note { font-size: 11px; } table { font-size: 9pt; }
  section { margin-top: 28px; } h2, h3, thead { break-after: avoid; } figure, .card, .figures, tr { break-inside: avoid; }
  .band, .bar, .dot, .badge, .card { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
`;

/** The policy says what the file already is: nothing is loaded, nothing runs. A value that slipped through could do neither. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

export const renderDocument = (page: { readonly title: string; readonly body: readonly Part[] }): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${page.title}</title>
<style>${new Markup(style)}</style>
</head>
<body>
${page.body}
</body>
</html>
`.text;
