/** Placeholder until the report room's Markdown lands. */
export const renderMarkdown = (input: object): string => `${JSON.stringify(input).length}\n`;
