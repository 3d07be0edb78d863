/** Who octank is to the cloud, and which endpoint each client really talks to. */
export interface Identity {
  whoami(): Promise<{ readonly account: string; readonly arn: string; readonly userId: string }>;
  /** Service id -> resolved endpoint URL, printed before anything is done. */
  endpoints(): Promise<Readonly<Record<string, string>>>;
}
