/** A resume point of a change stream: made, compared and parsed only by the engine that made it. */
export type Position = string & { readonly __position: unique symbol };
