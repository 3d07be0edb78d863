/** Route 53's choice rules for a weighted group: who is answered, and how often, when health checks fail. */

export interface WeightedMember {
  readonly id: string;
  readonly weight: number;
  /** Null: no health check, which Route 53 takes as healthy. */
  readonly healthy: boolean | null;
}

const sharesOf = (members: readonly WeightedMember[]): ReadonlyMap<string, number> => {
  const total = members.reduce((sum, member) => sum + member.weight, 0);
  return new Map(
    members.map((member) => [member.id, total === 0 ? 100 / members.length : (100 * member.weight) / total]),
  );
};

/**
 * Percent of answers per member. Healthy members with a weight come first; when all of those are unhealthy, healthy
 * members of weight 0 are answered; when nobody is healthy, all count as healthy (traffic.md section 3, facts 2 to 4).
 */
export const answeredShares = (members: readonly WeightedMember[]): ReadonlyMap<string, number> => {
  const isHealthy = (member: WeightedMember): boolean => member.healthy !== false;
  const weighted = members.filter((member) => member.weight > 0);
  const candidates = weighted.some(isHealthy) ? weighted.filter(isHealthy) : members.filter(isHealthy);
  const chosen = sharesOf(candidates.length > 0 ? candidates : members);
  return new Map(members.map((member) => [member.id, chosen.get(member.id) ?? 0]));
};

/** The weight-0 trap: members of weight 0 that are answered as soon as the health checks of the others fail. */
export const trappedByWeightZero = (
  members: readonly { readonly id: string; readonly weight: number; readonly hasHealthCheck: boolean }[],
): readonly string[] => {
  if (members.every((member) => member.weight === 0)) return members.map((member) => member.id);
  const failing = members.map(({ id, weight, hasHealthCheck }) => ({
    id,
    weight,
    healthy: hasHealthCheck ? weight === 0 : null,
  }));
  const shares = answeredShares(failing);
  return members.filter((member) => member.weight === 0 && (shares.get(member.id) ?? 0) > 0).map((member) => member.id);
};
