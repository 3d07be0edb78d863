/** Messages to people who do not watch the terminal. Failing to notify never fails a run; it is journaled. */
export interface Notify {
  send(message: { readonly subject: string; readonly body: string }): Promise<void>;
}
